"""Small files that users write by hand: settings and foldings, layer by layer.

A design file is accepted in place of either, so that one design's choices can be tried elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import pydantic

from .channels import Removed
from .cost import EngineKind, Folding, MemoryKind, layer_shapes
from .cost.buffers import settled
from .design_file import parse_design
from .errors import Mistake, SpecError
from .folding.legal import ALL_ENGINES, WEIGHT_MEMORIES
from .folding.objections import objections
from .graph import Graph
from .near import nearest_or_all, unreadable
from .setting_record import SettingRecord, Threshold, WeightShare
from .sparsity import Settings, SparsityProfile
from .validation import FileFormat, StrictRecord, mistakes_of
from .values import Arithmetic

Factor = Annotated[int, pydantic.Field(ge=1)]


class _Setting(SettingRecord):
    weight_sparsity: WeightShare = 0.0
    act_threshold: Threshold = 0.0


class _Folding(StrictRecord):
    engine: EngineKind = EngineKind.NONE
    coarse_in: Factor = 1
    coarse_out: Factor = 1
    coarse_group: Factor = 1
    fine: Factor = 1
    packed: Factor = 1
    lane_fifo_depth: Factor = 1
    weight_memory: MemoryKind = MemoryKind.NONE
    rows_per_pass: Factor = 1
    line_memory: MemoryKind = MemoryKind.NONE
    fifo_memory: MemoryKind = MemoryKind.NONE


_SETTINGS = pydantic.TypeAdapter(dict[str, _Setting])
_FOLDINGS = pydantic.TypeAdapter(dict[str, _Folding])
SETTINGS_FORMAT = FileFormat(
    "settings.json", "clips, layer by layer, for `hass profile`", _SETTINGS.json_schema
)
FOLDINGS_FORMAT = FileFormat(
    "foldings.json", "foldings, layer by layer, for `hass estimate`", _FOLDINGS.json_schema
)
_MEMORIES = frozenset(WEIGHT_MEMORIES)
_HOMES = ("line_memory", "fifo_memory")
_ANY_OBJECT = pydantic.TypeAdapter(dict[str, pydantic.JsonValue])


def _read(path: str | Path) -> tuple[bytes, bool]:
    """The content, and whether it is a design's."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(Path(path), error, "a JSON file") from None
    try:
        return data, "schema_version" in _ANY_OBJECT.validate_json(data)
    except pydantic.ValidationError as error:
        raise mistakes_of(error, path) from None


def _refuse_unknown(given: Collection[str], known: Collection[str], path: object) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SpecError(
            [
                Mistake(
                    str(path), repr(name), f"a layer of the model; {nearest_or_all(name, known)}"
                )
                for name in unknown
            ]
        )


def read_removed_channels(path: str | Path) -> Removed:
    """The channels that a design has removed of its file's network; none of a file of settings.

    Raises:
        SpecError: if the file cannot be read, or is a design with mistakes.
    """
    data, is_design = _read(path)
    return parse_design(data, path).model.removed_channels if is_design else {}


def read_settings(path: str | Path, graph: Graph) -> Settings:
    """Clips from ``{layer: {"weight_sparsity": 0.5, "act_threshold": 0.1}}`` or from a design.

    A setting may also name a ``weight_family`` (``family_of``); magnitude without.

    Raises:
        SpecError: listing all mistakes; a layer that is no Conv2d of the graph is one.
    """
    data, is_design = _read(path)
    if is_design:
        design = parse_design(data, path)
        if design.model.removed_channels and design.model.graph_digest != graph.digest:
            raise SpecError.at(
                f"{path}: model.removed_channels",
                f"a narrower network than {graph.name}",
                "a design of the same network",
            )
        settings = design.settings
    else:
        try:
            records = _SETTINGS.validate_json(data)
        except pydantic.ValidationError as error:
            raise mistakes_of(error, path, _SETTINGS.json_schema) from None
        settings = {name: record.value() for name, record in records.items()}
    _refuse_unknown(settings, [layer.name for layer in graph.convs], path)
    return settings


def read_foldings(
    path: str | Path, graph: Graph, profile: SparsityProfile | None = None
) -> Mapping[str, Folding]:
    """Foldings from ``{layer: {"engine": "dense", "coarse_in": 4, ...}}`` or from a design.

    Factors that are left out are 1. Deep buffers lie in BRAM where no memory is named for them, and
    in a design where it does not apply at this profile. A layer that is left out keeps its folding
    of ``smallest_foldings``.

    Args:
        path: the file.
        graph: the network to be folded.
        profile: needed for dynamic engines, which need measured distributions.

    Raises:
        SpecError: listing all mistakes: unknown layers, foldings that are not legal.
    """
    data, is_design = _read(path)
    if is_design:
        given = dict(parse_design(data, path).plan.foldings)
    else:
        given = _parse_foldings(data, path)
    _refuse_unknown(given, [layer.name for layer in graph], path)
    shapes = layer_shapes(graph, profile)
    mistakes = []
    for name, folding in given.items():
        measured = None if profile is None else profile.layers.get(name)
        wrong = objections(shapes[name], folding, ALL_ENGINES, _MEMORIES, measured)
        left = {f for f in _HOMES if is_design or getattr(folding, f) is MemoryKind.NONE}
        if wrong and {field for field, _ in wrong} <= left:
            given[name] = settled(shapes[name], folding, Arithmetic())
            continue
        mistakes += [
            Mistake(f"{path}: {name}.{field}", str(getattr(folding, field)), expected)
            for field, expected in wrong
        ]
    if mistakes:
        raise SpecError(mistakes)
    return {**smallest_foldings(graph, profile), **given}


def _parse_foldings(data: bytes, path: str | Path) -> dict[str, Folding]:
    try:
        records = _FOLDINGS.validate_json(data)
    except pydantic.ValidationError as error:
        raise mistakes_of(error, path, _FOLDINGS.json_schema) from None
    foldings, mistakes = {}, []
    for name, record in records.items():
        engine, memory = record.engine, record.weight_memory
        if (engine is EngineKind.NONE) != (memory is MemoryKind.NONE):
            expected = "an engine and a weight_memory, or neither: they go together"
            found = f"engine {engine.value}, weight_memory {memory.value}"
            mistakes.append(Mistake(f"{path}: {name}", found, expected))
            continue
        if record.rows_per_pass > 1 and memory is not MemoryKind.OFF_CHIP:
            where, found = f"{path}: {name}.rows_per_pass", str(record.rows_per_pass)
            mistakes.append(Mistake(where, found, "1 where weights are on chip"))
            continue
        foldings[name] = Folding(**record.model_dump())
    if mistakes:
        raise SpecError(mistakes)
    return foldings


def smallest_foldings(graph: Graph, profile: SparsityProfile | None = None) -> dict[str, Folding]:
    """One multiplier per Conv2d layer (dense engine, weights in BRAM), one stream elsewhere, deep
    buffers in BRAM.

    Args:
        graph: the network.
        profile: that the foldings will be costed with.
    """
    one = Folding(engine=EngineKind.DENSE, weight_memory=MemoryKind.BRAM)
    convs = {layer.name for layer in graph.convs}
    return {
        name: settled(shape, one if name in convs else Folding(), Arithmetic())
        for name, shape in layer_shapes(graph, profile).items()
    }
