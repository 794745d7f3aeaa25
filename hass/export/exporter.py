"""What an exporter is given, and what it answers. A third party's is an entry point like ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ..design import Design
from ..fixed_point import NumberFormats
from ..frames import TestFrames
from ..graph import Graph, Weights

EXPORTER_GROUP = "hass.exporters"  # of entry points: target name -> Exporter


class Fate(StrEnum):
    """What becomes of a layer in another tool."""

    EXACT = "exact"  # computes what hass computes, with the folding that hass chose
    APPROXIMATED = "approximated"  # in another way, or with another folding: the remark says how
    LEFT_OUT = "left out"  # the tool has no such thing; its user must do something


@dataclass(frozen=True, slots=True)
class Remark:
    """What becomes of one layer, or of one property of it.

    Attributes:
        layer: its name in the graph; "" for the design as a whole.
        fate: what becomes of it.
        what: a sentence; for ``EXACT`` the name that it has there.
    """

    layer: str
    fate: Fate
    what: str


@dataclass(frozen=True, slots=True)
class ExportSource:
    """A design with all that belongs to it.

    Attributes:
        design: what was chosen.
        graph: its network.
        weights: the network's, pruned as the design says.
        formats: number formats of all layers.
        frames: images to check another tool's results with.
    """

    design: Design
    graph: Graph
    weights: Weights
    formats: NumberFormats
    frames: TestFrames


@dataclass(frozen=True, slots=True)
class Export:
    """A folder's content.

    Attributes:
        files: relative path -> text, or bytes; equal for equal sources.
        remarks: on each layer but Input and Output at least one.
    """

    files: Mapping[str, str | bytes]
    remarks: tuple[Remark, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))


@dataclass(frozen=True, slots=True)
class Exporter:
    """One target.

    Attributes:
        summary: a line for ``hass export --help``.
        export: makes the files.
    """

    summary: str
    export: Callable[[ExportSource], Export]
