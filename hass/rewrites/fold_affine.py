"""Fold scales and shifts (BatchNormalization, constants) into the convolution next to them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import Graph, Weights
from .affine import affine_of
from .draft import Draft


def fold_affine(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Fold depthwise 1x1 layers.

    Case 1: a convolution that only the affine layer reads takes over scale and shift.
    Case 2: a convolution that alone reads the affine layer scales its input channels; a shift only
    where nothing is padded, as padding comes after it.
    A fan-out goes through a Fork, so a single reader is what the graph says anyway.
    """
    draft = Draft.of(graph, weights)
    for name in draft:
        if name in draft and affine_of(draft, name) is not None:
            _into_convolution_before(draft, name)
    for name in draft:
        if name in draft and affine_of(draft, name) is not None:
            _into_convolution_behind(draft, name)
    return draft.build()


def _into_convolution_before(draft: Draft, name: str) -> None:
    conv, affine = draft.sources(name)[0], affine_of(draft, name)
    if affine is None or not isinstance(draft.op(conv), ops.Conv2d):
        return
    weight: npt.ArrayLike = draft.weight(conv)
    if np.any(affine.scale != 1):  # a mere bias leaves the weights where they are
        weight = np.asarray(weight, np.float64) * affine.scale[:, None, None, None]
    bias = draft.bias(conv).astype(np.float64) * affine.scale + affine.shift
    draft.set_weights(conv, weight, bias)
    draft.remove(name)


def _into_convolution_behind(draft: Draft, name: str) -> None:
    (conv,), affine = draft.readers(name), affine_of(draft, name)
    op = draft.op(conv)
    if affine is None or not isinstance(op, ops.Conv2d):
        return
    if any(op.pads) and np.any(affine.shift != 0):
        return
    weight = draft.weight(conv).astype(np.float64)
    # (group, outputs of the group, inputs of the group, kh, kw)
    grouped = weight.reshape(op.groups, op.out_channels // op.groups, *weight.shape[1:])
    scale = affine.scale.reshape(op.groups, 1, -1, 1, 1)
    shift = affine.shift.reshape(op.groups, 1, -1, 1, 1)
    bias = draft.bias(conv).astype(np.float64) + (grouped * shift).sum(axis=(2, 3, 4)).reshape(-1)
    draft.set_weights(conv, (grouped * scale).reshape(weight.shape), bias)
    draft.remove(name)
