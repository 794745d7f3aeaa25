"""The text of every emitted file."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

import jinja2
import numpy as np

from hass import ops
from hass.design import Design, DesignAccuracy, arithmetic_title
from hass.fixed_point import IntArray
from hass.graph import Graph
from hass.values import Arithmetic

from .blocks import ACT, Block, Call, Table
from .names import part_number, printable
from .project import Project
from .templates import template_environment

LINE_CHARACTERS = 100
WORDS_PER_LINE = 24  # of a table's innermost rows
CLOCK_UNCERTAINTY_PERCENT = 27  # of the clock's period: the vendor's default, written out
CSIM_WORDS = 1 << 25  # of 8 bytes; the queues of a C simulation hold no more, if a frame is less


def _folder() -> Traversable:
    return resources.files("hass.hw_templates") / "hls"


def _wrapped(call: Call) -> str:
    """A call as a statement, broken where it is long."""
    arguments = f"{', '.join(('frames', *call.arguments))});"
    template = ", ".join(str(item) for item in call.template)
    line = f"    hass::{call.function}<{template}>({arguments}"
    if len(line) <= LINE_CHARACTERS:
        return line
    inside = textwrap.wrap(
        f"{template}>({arguments}",
        LINE_CHARACTERS,
        initial_indent=" " * 8,
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join([f"    hass::{call.function}<", *inside])


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = template_environment(_folder())
    environment.filters["wrapped"] = _wrapped
    return environment


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


def _initialiser(values: IntArray) -> str:
    if values.ndim == 1:
        words = [str(word) for word in values.tolist()]
        lines = [
            ", ".join(words[start : start + WORDS_PER_LINE])
            for start in range(0, len(words), WORDS_PER_LINE)
        ]
        return "{" + ",\n ".join(lines) + "}"
    return "{" + ",\n".join(_initialiser(part) for part in values) + "}"


def table_text(table: Table) -> str:
    """The C++ definition of a constant array."""
    sizes = "".join(f"[{size}]" for size in table.values.shape)
    return f"static const {table.element} {table.name}{sizes} = {_initialiser(table.values)};\n"


def weights_header(ident: str, block: Block) -> str:
    """All tables of a block."""
    guard = f"HASS_WEIGHTS_{ident.upper()}_H"
    tables = "\n".join(table_text(table) for table in block.tables)
    return (
        f"// Constants of {ident}, in the order in which its hardware reads them.\n"
        f'#ifndef {guard}\n#define {guard}\n\n#include "../src/types.h"\n\n'
        f"namespace {ident} {{\n\n{tables}\n}}  // namespace {ident}\n\n#endif\n"
    )


def _outputs(project: Project, name: str) -> list[str]:
    if not isinstance(project.graph[name].op, ops.Fork):
        return ["out"]
    return [f"out{reader}" for reader in range(len(project.graph.out_edges(name)))]


def layer_header(ident: str, name: str, block: Block, outputs: Sequence[str]) -> str:
    """One layer's hardware.

    Args:
        ident: its namespace.
        name: the layer's, for the comment.
        block: what it is made of.
        outputs: names of the output streams.
    """
    ports = [(f"in{port}", ACT, words) for port, words in enumerate(block.inputs)]
    ports += [(port, block.result, block.output) for port in outputs]
    parameters = [
        f"hls::stream<hass::vec<{element}, {words}> >& {port}" for port, element, words in ports
    ]
    values = {"ident": ident, "name": printable(name), "block": block, "parameters": parameters}
    return _render("layer.h.j2", **values)


def types_header(arithmetic: Arithmetic) -> str:
    """The word lengths."""
    return _render("types.h.j2", arithmetic=arithmetic)


def frames_text(integers: IntArray) -> str:
    """(N, C, H, W) integers as text: a frame a line, words in (row, column, channel) order."""
    rows = np.ascontiguousarray(integers.transpose(0, 2, 3, 1)).reshape(integers.shape[0], -1)
    return "".join(" ".join(map(str, row)) + "\n" for row in rows.tolist())


def copied_headers() -> dict[str, str]:
    """Relative path -> text of the files that are the same in every project."""
    files = {}
    for folder, target in (("hass_hls", "src/hass_hls"), ("csim_include", "tb/csim_include")):
        for file in (_folder() / folder).iterdir():
            if file.name.endswith(".h"):
                files[f"{target}/{file.name}"] = file.read_text(encoding="utf-8")
    return files


def _frames_per_call(graph: Graph) -> int:
    """Frames that the testbench sends together: all words of every map, and a window of each, fit
    in its queues."""
    words = 0
    for layer in graph:
        words += layer.out.words
        if isinstance(layer.op, ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d):
            (source,) = graph.in_maps(layer.name)
            words += layer.out.pixels * source.channels * layer.op.kernel[0] * layer.op.kernel[1]
    return max(1, CSIM_WORDS // words)


def _summary(design: Design) -> str:
    summary = design.summary
    return (
        f"For {printable(design.device.part)} at {design.plan.estimate.clock_mhz:g} MHz. The model "
        f"expects a frame every {summary.frame_ii_cycles} cycles "
        f"({summary.throughput_fps:.6g} frames/s); the slowest stage is "
        f"{printable(summary.bottleneck)}. These are estimates, not synthesis results."
    )


def stated_accuracies(design: Design) -> tuple[str, ...]:
    """What accuracy in integers a design states, a sentence's object for each split."""
    stated = design.integer_accuracy or DesignAccuracy()
    splits = (("selection", stated.selection), ("test", stated.test))
    return tuple(
        f"a top-1 of {100 * found.top1:.2f} % in {arithmetic_title(design.precision)} on the "
        f"{name} split ({found.correct} of its first {found.images} images)"
        for name, found in splits
        if found is not None
    )


def _accuracy(design: Design) -> str:
    stated = stated_accuracies(design)
    if not stated:
        return ""
    return (
        f"The design states {' and '.join(stated)}. With just these images (`hass emit DESIGN "
        "--split SPLIT --frames NUMBER`) `make csim` counts as many."
    )


def _readme(project: Project, design: Design, frames: int, frames_source: str) -> str:
    rows = [
        {
            "ident": project.names[name],
            "name": printable(name),
            "title": block.title,
            "inputs": " ".join(str(words) for words in block.inputs),
            "output": block.output,
            "frac_bits": project.formats.outputs[name].frac_bits,
        }
        for name, block in project.blocks.items()
    ]
    return _render(
        "README.md.j2",
        title=printable(project.graph.name),
        version=design.provenance.hass_version,
        summary=_summary(design),
        frames=frames,
        frames_source=frames_source,
        accuracy=_accuracy(design),
        arithmetic=design.arithmetic,
        own=[(project.names[name], own) for name, own in design.layer_arithmetic.items()],
        layers=rows,
        source=project.source,
        sinks=project.sinks,
    )


def project_files(
    project: Project,
    design: Design,
    inputs: IntArray,
    expected: Mapping[str, IntArray],
    labels: tuple[int, ...],
    frames_source: str,
) -> Mapping[str, str]:
    """Relative path -> text of all files but ``design.json``.

    Args:
        project: what is emitted.
        design: what it was made from.
        inputs: (N, C, H, W) integers in the input's format.
        expected: Output layer -> (N, C, H, W) integers that the pipeline must put out.
        labels: one per frame, or none.
        frames_source: a sentence on where the frames come from.
    """
    part, period = part_number(design.device.part), f"{1000 / design.plan.estimate.clock_mhz:.4g}"
    build = {
        "part": part,
        "period": period,
        "uncertainty": f"{CLOCK_UNCERTAINTY_PERCENT}%",
        "labels": bool(labels),
        "sinks": project.sinks,
    }
    files = copied_headers()
    for name, block in project.blocks.items():
        ident = project.names[name]
        files[f"src/layers/{ident}.h"] = layer_header(ident, name, block, _outputs(project, name))
        if block.tables:
            files[f"weights/{ident}.h"] = weights_header(ident, block)
    files["src/types.h"] = types_header(design.arithmetic)
    files["src/top.h"] = _render("top.h.j2", source=project.source, sinks=project.sinks)
    files["src/top.cpp"] = _render(
        "top.cpp.j2",
        headers=sorted({"width", *(step.call.header for step in project.steps if step.call)}),
        idents=[project.names[name] for name in project.blocks],
        wires=project.wires,
        steps=project.steps,
        source=project.source,
        sinks=project.sinks,
    )
    files["tb/testbench.cpp"] = _render(
        "testbench.cpp.j2",
        frames_per_call=_frames_per_call(project.graph),
        sinks=project.sinks,
    )
    files["tb/data/input.dat"] = frames_text(inputs)
    for sink in project.sinks:
        files[f"tb/data/expected{sink.suffix}.dat"] = frames_text(expected[sink.layer])
    if labels:
        files["tb/data/labels.dat"] = "".join(f"{label}\n" for label in labels)
    files["Makefile"] = _render("Makefile.j2")
    files["run_hls.tcl"] = _render("run_hls.tcl.j2", **build)
    files["hls_config.cfg"] = _render("hls_config.cfg.j2", **build)
    files["README.md"] = _readme(project, design, len(inputs), frames_source)
    return files
