"""ONNX files in and out of the IR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from .channels import Removed
from .cuts import WHOLE, Part, part_graph, part_weights
from .errors import GraphError
from .fewer_channels import without_channels
from .filter_refit import FilterStatistics
from .graph import Graph, Weights
from .handlers.double_model import DoubleModel, double_bytes, double_file
from .handlers.entry import FrameOrder
from .handlers.external_data import OutsideData
from .handlers.lower import lower
from .handlers.model_file import LARGEST_FILE_BYTES, load_model_file
from .handlers.plain_model import PlainModel, plain_model
from .handlers.write import FREE_THRESHOLD, FREE_WEIGHT, write
from .rewrites import run_passes
from .values import FixedPoint, Head

__all__ = [
    "FREE_THRESHOLD",
    "FREE_WEIGHT",
    "DoubleModel",
    "FrameOrder",
    "ImportedModel",
    "PartOrigin",
    "PlainModel",
    "double_bytes",
    "double_file",
    "fits_one_file",
    "plain_model",
    "read_model",
    "take_part",
    "without",
    "write_model",
    "write_model_file",
]

_FOR_THE_GRAPH_BYTES = 1 << 24  # nodes, names and shapes of 10,000 layers are a tenth of it
_NO_THRESHOLDS: Mapping[str, float] = MappingProxyType({})
_NOT_RESTORED: Mapping[str, FilterStatistics | None] = MappingProxyType({})
_NO_OPERANDS: Mapping[str, FixedPoint] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class PartOrigin:
    """Where a part of a network comes from.

    Attributes:
        whole: the network as it was imported.
        part: which of its layers.
        carries: see ``PartGraph``.
    """

    whole: ImportedModel
    part: Part
    carries: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A network read from an ONNX file, or a part of one.

    Attributes:
        graph: its layers, verified.
        weights: of its Conv2d layers, float32.
        path: the file, as given.
        sha256: of the file's bytes, in hexadecimal (external data apart).
        opset: version of the operator set that the file uses.
        producer: what wrote the file, as it says itself.
        input_order, output_orders: how the file orders the words of a frame, where it has channels
            last or transposes its outputs; None or empty: as the IR's frames (C, H, W) are.
        word_bits: Conv2d layer -> bits of its operands, of a quantised model whose quantisers of
            activations were dropped.
        remarks: what was dropped of the file, for people.
        head: what the host makes of the output, which the file ends with; None: nothing.
        origin: of a part; None: the whole network.
        removed: channels that the file's network has and this one has not; of ``without``.
    """

    graph: Graph
    weights: Weights
    path: str
    sha256: str
    opset: int
    producer: str
    input_order: FrameOrder | None = None
    output_orders: tuple[FrameOrder, ...] = ()
    word_bits: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    head: Head | None = None
    origin: PartOrigin | None = None
    removed: Removed = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "removed", MappingProxyType(dict(self.removed)))
        object.__setattr__(self, "word_bits", MappingProxyType(dict(self.word_bits)))

    @property
    def part(self) -> Part:
        """Which layers of the file's network these are."""
        return WHOLE if self.origin is None else self.origin.part


def take_part(model: ImportedModel, part: Part) -> ImportedModel:
    """A part of an imported network; the model itself for ``WHOLE``.

    Raises:
        GraphError: if the network cannot be cut there.
    """
    if part == WHOLE:
        return model
    cut = part_graph(model.graph, part)
    weights = part_weights(model.weights, cut.graph)
    origin = PartOrigin(model, part, cut.carries)
    return replace(model, graph=cut.graph, weights=weights, origin=origin)


def without(model: ImportedModel, removed: Removed) -> ImportedModel:
    """A whole imported network without some channels (``without_channels``), to be cut into parts
    afterwards; the model itself where none are to go.

    Raises:
        GraphError: if a channel cannot be removed.
    """
    if not removed:
        return model
    narrowed = without_channels(model.graph, model.weights, removed)
    return replace(model, graph=narrowed.graph, weights=narrowed.weights, removed=narrowed.removed)


def read_model(path: str | Path) -> ImportedModel:
    """Read an ONNX file, lower it to the IR and rewrite it to a form the hardware has.

    The network must have one input, static but for N; N may be fixed, symbolic or unnamed. It is
    (N, C, H, W), (N, C, L) or (N, F), a map of one row or one position then, or has its channels
    last, where that is how the network reads it. Its outputs become the layers ``output``,
    ``output_2``, ... in the file's order. Computation is in float32 whatever the file's
    floating-point type.

    Raises:
        SpecError: if the file is missing, not ONNX, truncated, or has data outside its folder.
        GraphError: if the graph is malformed, or has dynamic dimensions or several inputs.
        UnsupportedOpError: listing all nodes that hass cannot lower.
    """
    file = load_model_file(path)
    try:
        with np.errstate(all="ignore"):  # verify refuses what is not finite
            lowered = lower(file)
            graph, weights = run_passes(lowered.graph, lowered.weights)
    except GraphError as error:
        text = str(error)
        prefix = "" if text.startswith(str(path)) else f"{path}: "
        raise GraphError(f"{prefix}{text}") from None
    return ImportedModel(
        graph=graph,
        weights=weights,
        path=str(path),
        sha256=file.sha256,
        opset=file.opset,
        producer=" ".join(f"{file.proto.producer_name} {file.proto.producer_version}".split()),
        input_order=lowered.input_order,
        output_orders=lowered.output_orders,
        word_bits={name: b for name, b in lowered.word_bits.items() if f"{name}.weight" in weights},
        remarks=file.remarks,
        head=lowered.head,
    )


def write_model(
    graph: Graph,
    weights: Weights,
    *,
    act_thresholds: Mapping[str, float] = _NO_THRESHOLDS,
    taps: Sequence[str] = (),
    free: str | None = None,
    operands: Mapping[str, FixedPoint] = _NO_OPERANDS,
    restored: Mapping[str, FilterStatistics | None] = _NOT_RESTORED,
) -> bytes:
    """The IR as an ONNX model: opset 17, IR version 8.

    Input ``input`` (N, C, H, W) float32; output ``output``: (N, C) where the last map is 1x1,
    otherwise (N, C, H, W). Of several outputs each has the name of its layer.

    Args:
        graph: a verified graph.
        weights: its weights, pruned or not.
        act_thresholds: Conv2d layer -> t: values with |x| <= t in the layer's input become 0, for
            this layer only. 0 clips nothing.
        taps: further outputs, (N, C, H, W), each under the tap's own text: ``tap:<Conv2d layer>``
            is that layer's input after the clip, ``out:<layer>`` any layer's output.
        free: a Conv2d layer without a threshold whose clips are inputs of the model:
            ``FREE_THRESHOLD`` () and ``FREE_WEIGHT``, in the shape of its weights.
        operands: Conv2d layer -> format of few bits that the layer's input is rounded to, half up,
            before its clip.
        restored: Conv2d layer -> statistics that its output is given, filter by filter, over the
            images that run together; None: its own are left. Further outputs, (1, C, 1, 1), are
            ``mean:<layer>`` and ``deviation:<layer>``, those before.

    Raises:
        GraphError: if a threshold, a format, statistics or a tap names no such layer, a threshold
            is not >= 0, there is no such layer to be free, or the weights exceed the 2 GiB of such
            a model.
    """
    if not fits_one_file(weights):
        raise GraphError(
            f"{graph.name}: {_weight_bytes(weights)} bytes of weights, a model in one piece holds"
            f" at most {LARGEST_FILE_BYTES}"
        )
    return write(graph, weights, act_thresholds, taps, free, operands, restored=restored)


def write_model_file(graph: Graph, weights: Weights, path: str | Path) -> None:
    """The IR as an ONNX file with the weights beside it, in ``<path>.data``, whatever their size.

    Raises:
        OSError: if the files cannot be written.
    """
    path = Path(path)
    outside = OutsideData(path.with_name(f"{path.name}.data"))
    path.write_bytes(write(graph, weights, _NO_THRESHOLDS, (), None, _NO_OPERANDS, outside))


def fits_one_file(weights: Weights) -> bool:
    """Whether ``write_model`` can write a network of these weights."""
    return _weight_bytes(weights) <= LARGEST_FILE_BYTES - _FOR_THE_GRAPH_BYTES


def _weight_bytes(weights: Weights) -> int:
    return sum(array.nbytes for array in weights.values())
