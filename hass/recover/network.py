"""The IR as a torch module: the same outputs, and gradients of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import nn
from torch.nn import functional

from .. import ops
from ..errors import GraphError
from ..graph import Graph, Weights


class NetworkModule(nn.Module):
    """A network whose weights can be trained, with the activations of a design clipped.

    A clip of activations has the derivative 1 everywhere, also where it clips (a straight-through
    estimator): what is clipped can then still be taught to be larger, or smaller. On ResNet-20
    this came nearer to the dense network than the function's own derivative, and on the bundled
    one fewer activations passed in the end.

    Attributes:
        arrays: ``<conv>.weight`` and ``<conv>.bias``, in the order of ``Weights``.
    """

    def __init__(self, graph: Graph, weights: Weights, act_thresholds: Mapping[str, float]) -> None:
        """
        Args:
            graph: a verified graph.
            weights: its weights, pruned or not.
            act_thresholds: Conv2d layer -> t: inputs with |x| <= t become zero.

        Raises:
            GraphError: if the network has several outputs.
        """
        super().__init__()
        if len(graph.outputs) > 1:
            raise GraphError(
                f"{graph.name}: has {len(graph.outputs)} outputs, trained are networks with one"
            )
        self._graph = graph
        self._thresholds = dict(act_thresholds)
        self._places = {name: place for place, name in enumerate(weights)}
        self.arrays = nn.ParameterList(
            nn.Parameter(torch.tensor(array)) for array in weights.values()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to what ``write_model`` puts out: (N, C) where the last map is 1x1."""
        maps: dict[str, torch.Tensor] = {}
        readers = {layer.name: len(self._graph.out_edges(layer.name)) for layer in self._graph}
        result = images
        for layer in self._graph:
            sources = []
            for edge in self._graph.in_edges(layer.name):
                sources.append(maps[edge.src])
                readers[edge.src] -= 1
                if not readers[edge.src]:
                    del maps[edge.src]  # freed here where no gradient needs it
            if isinstance(layer.op, ops.Input):
                result = images
            elif isinstance(layer.op, ops.Conv2d):
                result = self._convolved(layer.name, layer.op, sources[0])
            else:
                result = apply_op(layer.op, sources)
            maps[layer.name] = result
        return result.flatten(1) if result.shape[2:] == (1, 1) else result

    def weights(self) -> Weights:
        """The weights as they are now."""
        return Weights(
            {
                name: self.arrays[place].detach().numpy().copy()
                for name, place in self._places.items()
            }
        )

    def _convolved(self, name: str, op: ops.Conv2d, source: torch.Tensor) -> torch.Tensor:
        threshold = self._thresholds.get(name, 0.0)
        if threshold > 0:
            source = source - (source * (source.abs() <= threshold)).detach()
        return functional.conv2d(
            _padded(source, op.pads),
            self.arrays[self._places[f"{name}.weight"]],
            self.arrays[self._places[f"{name}.bias"]],
            op.stride,
            dilation=op.dilation,
            groups=op.groups,
        )


def _padded(source: torch.Tensor, pads: ops.Pads, value: float = 0.0) -> torch.Tensor:
    top, left, bottom, right = pads
    if not any(pads):
        return source
    return functional.pad(source, (left, right, top, bottom), value=value)


def _averaged(op: ops.AvgPool2d, source: torch.Tensor) -> torch.Tensor:
    mean = functional.avg_pool2d(_padded(source, op.pads), op.kernel, op.stride)
    if op.divisor is ops.Divisor.WINDOW:
        return mean
    ones = torch.ones_like(source[:1, :1])
    return mean / functional.avg_pool2d(_padded(ones, op.pads), op.kernel, op.stride)


def _sliced(op: ops.Slice, source: torch.Tensor) -> torch.Tensor:
    rows, columns, channels = (
        slice(span.start, span.stop, span.step) for span in (op.rows, op.columns, op.channels)
    )
    return source[:, channels, rows, columns]


_CURVES: Mapping[ops.Function, Callable[[torch.Tensor, float], torch.Tensor]] = MappingProxyType(
    {
        ops.Function.TANH: lambda x, _: x.tanh(),
        ops.Function.ERF: lambda x, _: x.erf(),
        ops.Function.SOFTPLUS: lambda x, _: functional.softplus(x),
        ops.Function.SILU: lambda x, alpha: x * (alpha * x).sigmoid(),
        ops.Function.GELU: lambda x, _: functional.gelu(x),
        ops.Function.GELU_TANH: lambda x, _: functional.gelu(x, approximate="tanh"),
        ops.Function.MISH: lambda x, _: functional.mish(x),
        ops.Function.DECAY: lambda x, alpha: (1.0 + x.relu()) ** -alpha,
        ops.Function.ELU: functional.elu,
    }
)


def _spread(op: ops.DepthToSpace, source: torch.Tensor) -> torch.Tensor:
    frames, _, height, width = source.shape
    down, right = op.factor
    blocks = source.reshape(frames, down, right, -1, height, width)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(frames, -1, height * down, width * right)


def apply_op(op: ops.Op, sources: Sequence[torch.Tensor]) -> torch.Tensor:
    """One op without weights on maps (N, C, H, W), in port order."""
    first = sources[0]
    match op:
        case ops.Output() | ops.Fork():
            return first
        case ops.Relu():
            return first.relu()
        case ops.Clip():
            return first.clamp(op.low, op.high)
        case ops.HardSigmoid():
            return (op.alpha * first + op.beta).clamp(0.0, 1.0)
        case ops.HardSwish():
            return first * (first / 6.0 + 0.5).clamp(0.0, 1.0)
        case ops.Sigmoid():
            return first.sigmoid()
        case ops.LeakyRelu():
            return functional.leaky_relu(first, op.alpha)
        case ops.PRelu():
            return functional.prelu(first, torch.tensor(op.slopes))
        case ops.Curve():
            return _CURVES[op.function](first, op.alpha)
        case ops.MaxPool2d():
            padded = _padded(first, op.pads, float("-inf"))
            return functional.max_pool2d(padded, op.kernel, op.stride, dilation=op.dilation)
        case ops.AvgPool2d():
            return _averaged(op, first)
        case ops.GlobalAvgPool():
            return first.mean((2, 3), keepdim=True)
        case ops.Add():
            return first + sources[1]
        case ops.Mul():
            return first * sources[1]
        case ops.Concat():
            return torch.cat(list(sources), 1)
        case ops.Slice():
            return _sliced(op, first)
        case ops.Pad():
            padded = _padded(first, op.pads)
            return functional.pad(padded, (0, 0, 0, 0, op.channels_front, op.channels_back))
        case ops.Upsample():
            down, right = op.factor
            return first.repeat_interleave(down, 2).repeat_interleave(right, 3)
        case ops.DepthToSpace():
            return _spread(op, first)
        case ops.Shuffle():
            frames, channels, height, width = first.shape
            rows = first.reshape(frames, op.groups, -1, height, width)
            return rows.transpose(1, 2).reshape(frames, channels, height, width)
        case ops.Input() | ops.Conv2d():
            raise ValueError(f"{ops.op_name(op)} is not applied here")
