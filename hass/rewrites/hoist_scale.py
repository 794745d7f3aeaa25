"""Move a scale to where a convolution can take it over."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..graph import Graph, Weights
from .affine import Affine, affine_of
from .draft import Draft


def hoist_scale(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Move scales without a shift that no convolution is in front of.

    Case 1: ``(c * x) * y`` becomes ``c * (x * y)`` where a Conv2d alone reads the product. Gates
    written with a rounded 1/6 leave such a scale. It has one value per channel at most, so it goes
    through a broadcast as well.
    Case 2: ``pool(c * x)`` becomes ``c * pool(x)``, and so behind a Relu, a LeakyRelu and a PRelu,
    where c is positive and a Conv2d reads what comes out in the end.
    """
    draft = Draft.of(graph, weights)
    for name in draft:
        affine = affine_of(draft, name)
        if affine is None or np.any(affine.shift != 0):
            continue
        (reader,) = draft.readers(name)
        if isinstance(draft.op(reader), ops.Mul):
            _move(draft, name, [reader])
        elif not isinstance(draft.op(draft.sources(name)[0]), ops.Conv2d):
            _move(draft, name, _passed(draft, name, affine))
    return draft.build()


def _passed(draft: Draft, name: str, affine: Affine) -> list[str]:
    """The layers behind a scale that it can pass, up to the first that it cannot."""
    passed: list[str] = []
    while True:
        (reader,) = draft.readers(passed[-1] if passed else name)
        match draft.op(reader):
            case ops.AvgPool2d() | ops.GlobalAvgPool():
                pass
            case ops.MaxPool2d() | ops.Relu() | ops.LeakyRelu() | ops.PRelu() if np.all(
                affine.scale > 0
            ):
                pass
            case _:
                return passed
        passed.append(reader)


def _move(draft: Draft, name: str, passed: list[str]) -> None:
    """Move a scale behind some layers, if there are any and a Conv2d alone reads the last."""
    if not passed:
        return
    (reader,) = draft.readers(passed[-1])
    if isinstance(draft.op(reader), ops.Conv2d):
        op, weight, bias = draft.op(name), draft.weight(name), draft.bias(name)
        draft.remove(name)
        scaled = draft.add(name, op, [passed[-1]], after=passed[-1])
        draft.set_weights(scaled, weight, bias)
        draft.set_sources(reader, [scaled])
