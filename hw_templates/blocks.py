"""What is emitted for one layer: a chain of template calls, and the tables they read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hass.cost import MemoryKind
from hass.fixed_point import IntArray
from hass.values import Arithmetic

ACT = "act_t"  # C++ type of the words between blocks
ACC = "acc_t"
WEIGHT = "weight_t"


def word_type(bits: int, act_bits: int) -> str:
    """C++ type of words between blocks where ``act_t`` has ``act_bits``."""
    return ACT if bits == act_bits else f"ap_int<{bits}>"


@dataclass(frozen=True, slots=True)
class Wire:
    """A stream: ``words`` side by side, ``depth`` entries deep, in storage of the tool's choice
    where ``memory`` is NONE."""

    name: str
    words: int
    element: str = ACT
    depth: int = 2
    memory: MemoryKind = MemoryKind.NONE


@dataclass(frozen=True, slots=True)
class Call:
    """``hass::function<template...>(frames, arguments...)``; ``header`` declares it."""

    header: str
    function: str
    template: tuple[str | int, ...]
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A constant array. ``memory`` NONE leaves the choice of storage to the tool."""

    name: str
    element: str
    values: IntArray
    memory: MemoryKind = MemoryKind.NONE


@dataclass(frozen=True, slots=True)
class Block:
    """One layer's hardware.

    Attributes:
        title: what it is, for the comment on top.
        constants: name -> value, the numbers that the calls use by name.
        inputs: words side by side at each input port.
        output: words side by side at the output.
        wires: streams between the calls.
        calls: in the order of the data; ports are called in0, in1, ... and out.
        tables: constant arrays that the calls read.
        result: C++ type of the output's words.
        own: word lengths that differ from the design's, which the names of types then stand for in
            this block.
    """

    title: str
    constants: tuple[tuple[str, int], ...]
    inputs: tuple[int, ...]
    output: int
    wires: tuple[Wire, ...]
    calls: tuple[Call, ...]
    tables: tuple[Table, ...] = ()
    result: str = ACT
    own: Arithmetic | None = None

    @property
    def headers(self) -> tuple[str, ...]:
        """Template headers that the block includes, sorted."""
        return tuple(sorted({call.header for call in self.calls}))


@dataclass(frozen=True, slots=True)
class Stage:
    """A call before it is wired: from one stream to one stream of ``words`` words, which is
    ``depth`` entries deep, in ``memory``."""

    header: str
    function: str
    template: tuple[str | int, ...]
    words: int
    element: str = ACT
    tables: tuple[str, ...] = ()
    depth: int = 2
    memory: MemoryKind = MemoryKind.NONE


# What the stream behind a template carries.
_CARRIES = {
    "clip_threshold": "clipped",
    "deal_groups": "dealt",
    "line_buffer": "columns",
    "rolling_rows": "columns",
    "column_buffer": "windows",
    "engine_dense": "products",
    "engine_pair": "products",
    "engine_dynamic": "products",
    "engine_broadcast": "products",
    "engine_static": "sums",
    "adder_tree": "totals",
    "bias_requantise": "finished",
    "exchange": "ordered",
}


def chain(
    stages: tuple[Stage, ...], first: tuple[str, ...] = ("in0",), last: str = "out"
) -> tuple[tuple[Wire, ...], tuple[Call, ...]]:
    """Wires and calls of stages one behind the other.

    Args:
        stages: at least one.
        first: arguments of the first stage, in front of its output.
        last: output of the last stage.
    """
    wires: list[Wire] = []
    calls: list[Call] = []
    sources = first
    for index, stage in enumerate(stages):
        target = last
        if index < len(stages) - 1:
            target = _CARRIES.get(stage.function, f"after_{stage.function}")
            wires.append(Wire(target, stage.words, stage.element, stage.depth, stage.memory))
        calls.append(
            Call(stage.header, stage.function, stage.template, (*sources, target, *stage.tables))
        )
        sources = (target,)
    return tuple(wires), tuple(calls)


def converted(
    name: str,
    source: str,
    target: str,
    total_words: int,
    from_words: int,
    to_words: int,
    element: str = ACT,
) -> tuple[tuple[Wire, ...], tuple[Call, ...]]:
    """Wires and calls that change the number of parallel words between two named streams.

    Args:
        name: base for the names of wires in between.
        source, target: streams of ``from_words`` and ``to_words``, which must differ.
        total_words: of a frame; both widths divide it.
        element: C++ type of the words.
    """
    if to_words % from_words == 0:
        template: tuple[str | int, ...] = (element, total_words // to_words, from_words, to_words)
        return (), (Call("width", "widen", template, (source, target)),)
    if from_words % to_words == 0:
        template = (element, total_words // from_words, from_words, to_words)
        return (), (Call("width", "narrow", template, (source, target)),)
    both = math.lcm(from_words, to_words)
    wide = f"{name}_wide"
    _, widen = converted(name, source, wide, total_words, from_words, both, element)
    _, narrow = converted(name, wide, target, total_words, both, to_words, element)
    return (Wire(wide, both, element),), (*widen, *narrow)
