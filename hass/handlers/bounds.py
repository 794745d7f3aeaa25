"""Max and Min with constants: what older converters write for ReLU6."""

from __future__ import annotations

import numpy as np

from .. import ops
from .activation import FLOAT32_MAX
from .node import Node
from .values import Stream


def _bounded(node: Node) -> Stream:
    streams = [i for i, value in enumerate(node.inputs) if isinstance(value, Stream)]
    if len(streams) != 1:
        raise node.refuse("of several feature maps, only with constants")
    bounds = [node.floats(i) for i in range(len(node.inputs)) if i not in streams]
    limits = np.concatenate([bound.reshape(-1) for bound in bounds]) if bounds else np.empty(0)
    if any(bound.size != 1 for bound in bounds) or not np.isfinite(limits).all():
        raise node.refuse("with other than one finite constant")
    if not bounds:
        return node.stream(streams[0])
    if node.op == "Min":
        return node.unary(ops.Clip(-FLOAT32_MAX, float(limits.min())), streams[0])
    low = float(limits.max())
    return node.unary(ops.Relu() if low == 0 else ops.Clip(low, FLOAT32_MAX), streams[0])


HANDLERS = {"Max": _bounded, "Min": _bounded}
