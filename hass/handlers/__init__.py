"""One small file per family of ONNX ops, and the table that finds the handler of an op type.

A handler takes a node, adds layers to the node's draft and returns what the node puts out; it
refuses by raising what ``Node.refuse`` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from . import activation, affine, bounds, conv, elementwise, layout, linear, pool, slicing, total
from .node import Node
from .values import Stream

Handler: TypeAlias = Callable[[Node], Stream | tuple[Stream, ...]]

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **activation.HANDLERS,
        **affine.HANDLERS,
        **bounds.HANDLERS,
        **conv.HANDLERS,
        **elementwise.HANDLERS,
        **layout.HANDLERS,
        **linear.HANDLERS,
        **pool.HANDLERS,
        **slicing.HANDLERS,
        **total.HANDLERS,
    }
)

# Ops that are known and refused with advice, rather than as merely unknown.
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "Softmax": "not computed by the accelerator; export the network without it "
        "(the class with the largest output stays the same)",
        "LogSoftmax": "not computed by the accelerator; export the network without it "
        "(the class with the largest output stays the same)",
        "QuantizeLinear": "of activations inside a branch, or in a form that hass does not know",
        "DequantizeLinear": "of activations inside a branch, or in a form that hass does not know",
        "ConvTranspose": "transposed convolution is not supported",
    }
)

__all__ = ["HANDLERS", "REFUSED", "Handler", "Node"]
