"""One small file per family of ONNX ops, and the table that finds the handler of an op type.

A handler takes a node, adds layers to the node's draft and returns what the node puts out; it
refuses by raising what ``Node.refuse`` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from . import (
    activation,
    affine,
    conv,
    conv_transpose,
    elementwise,
    head,
    layout,
    linear,
    normalisation,
    pool,
    reorder,
    repeat,
    resize,
    response_norm,
    roots,
    slicing,
    total,
)
from .node import Node
from .values import Stream

Handler: TypeAlias = Callable[[Node], Stream | tuple[Stream, ...]]

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **activation.HANDLERS,
        **affine.HANDLERS,
        **conv.HANDLERS,
        **conv_transpose.HANDLERS,
        **elementwise.HANDLERS,
        **head.HANDLERS,
        **layout.HANDLERS,
        **linear.HANDLERS,
        **normalisation.HANDLERS,
        **pool.HANDLERS,
        **reorder.HANDLERS,
        **repeat.HANDLERS,
        **resize.HANDLERS,
        **response_norm.HANDLERS,
        **roots.HANDLERS,
        **slicing.HANDLERS,
        **total.HANDLERS,
    }
)

# Ops that are known and refused with advice, rather than as merely unknown.
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "QuantizeLinear": "of activations inside a branch, or in a form that hass does not know",
        "DequantizeLinear": "of activations inside a branch, or in a form that hass does not know",
        **dict.fromkeys(
            (
                "RMSNormalization",
                "MeanVarianceNormalization",
                "LpNormalization",
            ),
            "not supported; LayerNormalization, GroupNormalization and InstanceNormalization are, "
            "and BatchNormalization, which folds into a convolution, costs least",
        ),
        **dict.fromkeys(
            ("PartitionedCall", "StatefulPartitionedCall"),
            "a call of a TensorFlow function whose body the converter left out of the file; Keras "
            "writes a Conv2D with groups so, but no DepthwiseConv2D",
        ),
        "Erfc": "this is no operator of ONNX, a converter left it as it was; of Keras' gelu the "
        "form with approximate=True is written in ONNX",
        **dict.fromkeys(
            ("Exp", "Log", "Softsign"),
            "of the frame is not supported; Tanh, Erf, Sigmoid, Softplus, Elu, SiLU, Gelu and Mish "
            "are",
        ),
        **dict.fromkeys(
            ("ThresholdedRelu", "Shrink"),
            "not an activation here; Relu and LeakyRelu are, and words near zero are clipped by "
            "the search",
        ),
        **dict.fromkeys(
            ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceMin"),
            "not supported; ReduceMean, ReduceSum and ReduceMax over all positions or channels are",
        ),
    }
)

__all__ = ["HANDLERS", "REFUSED", "Handler", "Node"]
