"""The rtl folder of an emitted project: a module for each convolution, its memories, a bench."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import jinja2

from hass import ops
from hass.fixed_point import IntArray
from hass.reference import operands

from .names import printable
from .project import Project
from .rtl_layer import RtlLayer
from .rtl_library import library_files, rtl_folder
from .rtl_vectors import layer_vectors
from .templates import template_environment


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return template_environment(rtl_folder() / "emitted")


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


def frames_wanted(project: Project) -> tuple[str, ...]:
    """Layers whose output for the first test frame ``rtl_files`` needs."""
    sources = [project.graph.in_edges(name)[0].src for name in project.convs]
    return tuple(dict.fromkeys([*sources, *project.convs]))


def rtl_files(project: Project, outputs: Mapping[str, IntArray]) -> dict[str, str]:
    """Relative path -> text of all files.

    Args:
        project: what is emitted.
        outputs: layer of ``frames_wanted`` -> (1, channels, height, width) integers.
    """
    files, modules, rows = {}, [], []
    for name, plan in project.convs.items():
        ident = project.names[name]
        layer = RtlLayer(ident, plan)
        came = outputs[project.graph.in_edges(name)[0].src]
        source = operands(project.graph, name, project.formats, came)
        vectors = layer_vectors(layer, source[0], outputs[name][0])
        title = project.blocks[name].title
        text = _render("layer.sv.j2", ident=ident, name=printable(name), title=title, layer=layer)
        modules.append(text)
        files[f"rtl/{ident}.sv"] = text
        bench = _render("bench.sv.j2", ident=ident, layer=layer, vectors=vectors)
        files[f"rtl/tb/{ident}_bench.sv"] = bench
        for file, words in layer.memory_files().items():
            files[f"rtl/weights/{file}"] = words
        for file, words in vectors.files(layer).items():
            files[f"rtl/tb/data/{ident}/{file}"] = words
        rows.append(
            {
                "ident": ident,
                "name": printable(name),
                "plan": plan,
                "memory": layer.memory,
                "positions": vectors.positions,
                "cycles": int(vectors.begins[-1]),
            }
        )
    for file, text in library_files(modules).items():
        files[f"rtl/hass/{file}"] = text
    bench = (rtl_folder() / "emitted" / "layer_bench.sv").read_text(encoding="utf-8")
    files["rtl/tb/layer_bench.sv"] = bench
    idents = [project.names[name] for name in project.convs]
    files["rtl/rtl.mk"] = _render("rtl.mk.j2", idents=idents)
    others = [
        {"ident": project.names[name], "name": printable(name), "op": ops.op_name(layer.op)}
        for name, layer in ((layer.name, layer) for layer in project.graph)
        if name in project.blocks and name not in project.convs
    ]
    files["rtl/README.md"] = _render("README.md.j2", rows=rows, others=others)
    return files
