"""A Curve as ONNX nodes of opset 17, which has neither Gelu nor Mish nor Swish."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .. import ops
from ..curves import GELU_CUBE, GELU_SCALE

SOURCE = "x"  # the curve's input, among the inputs of a step


@dataclass(frozen=True, slots=True)
class Step:
    """One node.

    Attributes:
        op_type: ONNX op type.
        inputs: ``SOURCE``, names of earlier steps, and constants.
        name: of what it makes.
        alpha: its attribute of that name; None: it has no attributes.
    """

    op_type: str
    inputs: tuple[str | float, ...]
    name: str = "raw"
    alpha: float | None = None

    @property
    def attributes(self) -> Mapping[str, float]:
        """Of the ONNX node."""
        return {} if self.alpha is None else {"alpha": self.alpha}


_HALF_GATED = (  # 0.5 * x * (1 + what the step "odd" makes)
    Step("Add", ("odd", 1.0), "gate"),
    Step("Mul", (SOURCE, "gate"), "twice"),
    Step("Mul", ("twice", 0.5)),
)
_STEPS: Mapping[ops.Function, Sequence[Step]] = MappingProxyType(
    {
        ops.Function.TANH: (Step("Tanh", (SOURCE,)),),
        ops.Function.ERF: (Step("Erf", (SOURCE,)),),
        ops.Function.SOFTPLUS: (Step("Softplus", (SOURCE,)),),
        ops.Function.MISH: (
            Step("Softplus", (SOURCE,), "soft"),
            Step("Tanh", ("soft",), "gate"),
            Step("Mul", (SOURCE, "gate")),
        ),
        ops.Function.GELU: (
            Step("Div", (SOURCE, math.sqrt(2.0)), "scaled"),
            Step("Erf", ("scaled",), "odd"),
            *_HALF_GATED,
        ),
        ops.Function.GELU_TANH: (
            Step("Mul", (SOURCE, SOURCE), "square"),
            Step("Mul", ("square", SOURCE), "cube"),
            Step("Mul", ("cube", GELU_CUBE), "small"),
            Step("Add", (SOURCE, "small"), "bent"),
            Step("Mul", ("bent", GELU_SCALE), "scaled"),
            Step("Tanh", ("scaled",), "odd"),
            *_HALF_GATED,
        ),
    }
)


def curve_steps(op: ops.Curve) -> Sequence[Step]:
    """The nodes of a curve in order; the last one makes its output."""
    match op.function:
        case ops.Function.ELU:
            return (Step("Elu", (SOURCE,), alpha=op.alpha),)
        case ops.Function.DECAY:
            return (
                Step("Relu", (SOURCE,), "positive"),
                Step("Add", ("positive", 1.0), "moved"),
                Step("Pow", ("moved", -op.alpha)),
            )
        case ops.Function.SILU if op.alpha == 1.0:
            return Step("Sigmoid", (SOURCE,), "gate"), Step("Mul", (SOURCE, "gate"))
        case ops.Function.SILU:
            return (
                Step("Mul", (SOURCE, op.alpha), "scaled"),
                Step("Sigmoid", ("scaled",), "gate"),
                Step("Mul", (SOURCE, "gate")),
            )
        case _:
            return _STEPS[op.function]
