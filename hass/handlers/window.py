"""Windows: kernel, stride and pads of a node, with auto_pad and ceil_mode made explicit."""

from __future__ import annotations

from dataclasses import dataclass

from ..intmath import ceil_div
from ..ops import Pads, Pair
from ..values import FeatureMap
from .node import Node


@dataclass(frozen=True, slots=True)
class Window:
    """A window over a feature map.

    Attributes:
        kernel: height, width.
        stride: down, right.
        dilation: rows and columns from one tap to the next.
        pads: top, left, bottom, right, as given.
        overhang: rows below and columns to the right that ceil_mode adds to ``pads``.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    pads: Pads
    overhang: Pair = (0, 0)

    @property
    def all_pads(self) -> Pads:
        """Pads with the overhang."""
        top, left, bottom, right = self.pads
        return top, left, bottom + self.overhang[0], right + self.overhang[1]


def pair(node: Node, name: str, default: Pair) -> Pair:
    """An attribute of two integers: down, right."""
    values = node.integers(name)
    if values is None:
        return default
    if len(values) != 2:
        raise node.refuse(f"{name} {list(values)} has {len(values)} values, only 2-D is supported")
    return values[0], values[1]


def _same_pads(size: Pair, kernel: Pair, stride: Pair, upper: bool) -> Pads:
    # ONNX Conv, auto_pad: output = ceil(input / stride); the odd one goes to the end if SAME_UPPER
    begins, ends = [], []
    for extent, window, step in zip(size, kernel, stride, strict=True):
        total = max((ceil_div(extent, step) - 1) * step + window - extent, 0)
        small, large = total // 2, total - total // 2
        begins.append(small if upper else large)
        ends.append(large if upper else small)
    return begins[0], begins[1], ends[0], ends[1]


def _pads(node: Node, source: FeatureMap, kernel: Pair, stride: Pair) -> Pads:
    auto_pad = node.text("auto_pad", "NOTSET")
    match auto_pad:
        case "NOTSET" | "":
            pads = node.integers("pads") or (0, 0, 0, 0)
            if len(pads) != 4 or min(pads) < 0:
                raise node.refuse(f"pads {list(pads)}, expected 4 values, none negative")
            return pads[0], pads[1], pads[2], pads[3]
        case "VALID":
            return 0, 0, 0, 0
        case "SAME_UPPER" | "SAME_LOWER":
            size = (source.height, source.width)
            return _same_pads(size, kernel, stride, auto_pad == "SAME_UPPER")
        case _:
            raise node.refuse(f"auto_pad {auto_pad!r} is not known")


def read_window(node: Node, source: FeatureMap, kernel: Pair | None = None) -> Window:
    """The node's window over ``source``; ``kernel`` where the attribute may be missing.

    Raises:
        UnsupportedOpError: on other than two dimensions, or senseless values.
    """
    kernel = pair(node, "kernel_shape", kernel or (0, 0))
    stride = pair(node, "strides", (1, 1))
    dilations = pair(node, "dilations", (1, 1))
    if min(kernel) < 1 or min(stride) < 1 or min(dilations) < 1:
        raise node.refuse(
            f"kernel_shape {list(kernel)}, strides {list(stride)}, dilations {list(dilations)}"
        )
    # between one tap and no other there is nothing
    dilation = tuple(d if size > 1 else 1 for d, size in zip(dilations, kernel, strict=True))
    extent = tuple((size - 1) * d + 1 for size, d in zip(kernel, dilation, strict=True))
    pads = _pads(node, source, (extent[0], extent[1]), stride)
    overhang = (0, 0)
    if node.integer("ceil_mode", 0):
        sizes = (source.height + pads[0], source.width + pads[1])
        overhang = (
            _overhang(sizes[0], pads[2], extent[0], stride[0]),
            _overhang(sizes[1], pads[3], extent[1], stride[1]),
        )
    return Window(kernel, stride, (dilation[0], dilation[1]), pads, overhang)


def _overhang(size: int, pad_end: int, kernel: int, stride: int) -> int:
    """How far the last window reaches beyond the end pad; ``size`` includes the begin pad."""
    count = ceil_div(size + pad_end - kernel, stride) + 1
    if (count - 1) * stride >= size:  # a window that starts in the end pad is dropped
        count -= 1
    return max((count - 1) * stride + kernel - size - pad_end, 0)
