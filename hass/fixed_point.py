"""Fixed-point semantics, defined once: the numpy reference and the emitted hardware follow them.

A number is an integer and a format; its value is ``integer * 2**-frac_bits``.

- Rounding is half up, ``floor(x + 1/2)``: one adder in hardware (``AP_RND`` of ap_fixed).
- A stored word saturates at the ends of its format; an accumulator wraps (two's complement).
  Sums in an accumulator may be taken in any order: modulo ``2**acc_bits`` they agree.
- Scales are powers of two, one per layer for its output and one for its weights, so changing a
  format is a shift. Integers are held in int64 here; nothing below exceeds 2**62.
- A convolution with narrower operands than the words that come to it (``word_lengths``) rounds
  these to a format of its own first, and clips the rounded words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from . import ops
from .errors import ProfileError, SpecError
from .graph import Graph, Weights
from .values import Arithmetic, FixedPoint, Precision, WordLengths, precision_of
from .word_lengths import KEEPS_FORMAT, arithmetic_by_layer

IntArray = npt.NDArray[np.int64]

# Ends of frac_bits: beyond them a value of any use in a network is zero or out of range, and
# shifts between two formats stay within 64 bits.
MIN_FRAC_BITS, MAX_FRAC_BITS = -16, 30
MAX_ACC_BITS = 48  # of a DSP48's accumulator; int64 then holds every shifted intermediate
# Of an accumulator over the largest sum measured. With one bit, 300 other images of five networks
# came up to 73 % of what it holds; what exceeds it wraps, which is far worse than to saturate.
# A bit of it costs at most a bit of the weights, of which 16-bit words have more than enough.
HEAD_ROOM_BITS = 2
MAX_ALIGN_BITS = 16  # an Add aligns its operands over at most this distance
RECIPROCAL_BITS = 16  # precision of 1 / n in an average
SIGMOID_WORDS = 1024  # of the table, the size that the cost model counts
SIGMOID_FRAC_BITS = 6  # its step is 1/64, so it covers [-8, 8)


def quantise(values: npt.ArrayLike, fmt: FixedPoint) -> IntArray:
    """Real values as integers of a format: half up, saturated; same shape.

    >>> quantise([0.75, -0.75, 0.25, 100.0], FixedPoint(8, 1)).tolist()
    [2, -1, 1, 127]
    """
    scaled = np.ldexp(np.asarray(values, dtype=np.float64), fmt.frac_bits)
    whole = np.floor(scaled)
    # adding 1/2 first would itself round, and take the float just below a half upwards
    nearest = np.where(scaled - whole >= 0.5, whole + 1.0, whole)
    return np.asarray(np.clip(nearest, fmt.low, fmt.high), dtype=np.int64)


def dequantise(integers: npt.ArrayLike, fmt: FixedPoint) -> npt.NDArray[np.float64]:
    """The values that integers of a format stand for; same shape.

    >>> dequantise([3, -4], FixedPoint(8, 1)).tolist()
    [1.5, -2.0]
    """
    return np.asarray(np.ldexp(np.asarray(integers, dtype=np.float64), -fmt.frac_bits))


def saturate(integers: npt.ArrayLike, fmt: FixedPoint) -> IntArray:
    """Integers held at the ends of a format; same shape.

    >>> saturate([300, -300, 5], FixedPoint(8, 0)).tolist()
    [127, -128, 5]
    """
    return np.asarray(np.clip(np.asarray(integers, dtype=np.int64), fmt.low, fmt.high))


def shift_round(integers: npt.ArrayLike, shift_bits: int) -> IntArray:
    """``floor(integer / 2**shift_bits + 1/2)``; a negative shift multiplies; same shape.

    >>> shift_round([5, 6, -5, -6], 2).tolist(), shift_round([3], -2).tolist()
    ([1, 2, -1, -1], [12])
    """
    array = np.asarray(integers, dtype=np.int64)
    if shift_bits <= 0:
        return np.asarray(array << -shift_bits)
    if shift_bits > 62:
        return np.zeros_like(array)
    result = np.asarray(array + (np.int64(1) << (shift_bits - 1)))
    result >>= shift_bits
    return result


def requantise(integers: npt.ArrayLike, frac_bits: int, fmt: FixedPoint) -> IntArray:
    """Integers with ``frac_bits`` in another format (of at most 31 bits): shifted, rounded,
    saturated; same shape.

    >>> requantise([1000, -1000, 6], 4, FixedPoint(8, 2)).tolist()
    [127, -128, 2]
    >>> requantise([3, -1, 0], 0, FixedPoint(8, 40)).tolist()
    [127, -128, 0]
    """
    shift_bits = frac_bits - fmt.frac_bits
    if shift_bits < 0:  # saturating first, and a shift by the whole word, already decide
        return saturate(shift_round(saturate(integers, fmt), max(shift_bits, -fmt.width_bits)), fmt)
    result = shift_round(integers, shift_bits)
    return np.asarray(np.clip(result, fmt.low, fmt.high, out=result))


def wrap(integers: npt.ArrayLike, width_bits: int) -> IntArray:
    """The integer that a two's complement accumulator of ``width_bits`` holds; same shape.

    >>> wrap([127, 128, -129, 512], 8).tolist()
    [127, -128, 127, 0]
    """
    half = np.int64(1) << (width_bits - 1)
    mask = (np.int64(1) << width_bits) - 1
    result = np.asarray(np.asarray(integers, dtype=np.int64) + half)
    result &= mask
    result -= half
    return result


def clip_limit(threshold: float, fmt: FixedPoint) -> int:
    """The integer limit for which ``|integer| <= limit`` is exactly ``|value| <= threshold``.

    >>> clip_limit(0.3, FixedPoint(8, 4)), clip_limit(0.0, FixedPoint(8, 4))
    (4, 0)
    """
    return min(math.floor(math.ldexp(threshold, fmt.frac_bits)), 1 << (fmt.width_bits - 1))


def reciprocal(count: int, largest: int | None = None) -> tuple[int, int]:
    """``1 / count`` as (multiplier, frac_bits).

    ``frac_bits`` is that of ``1 / largest`` (by default ``count``) with ``RECIPROCAL_BITS``
    significant bits, so that all divisors up to ``largest`` share it. Exact for a power of two.

    >>> reciprocal(64), reciprocal(3), reciprocal(1, 3)
    ((32768, 21), (43691, 17), (131072, 17))
    """
    frac_bits = RECIPROCAL_BITS - 1 + ((largest or count) - 1).bit_length()
    multiplier = ((1 << (frac_bits + 1)) + count) // (2 * count)
    return multiplier, frac_bits


def sigmoid_table(fmt: FixedPoint) -> IntArray:
    """(SIGMOID_WORDS,) values of the logistic function at -8, -8 + 1/64, ..., in ``fmt``."""
    places = np.arange(SIGMOID_WORDS) - SIGMOID_WORDS // 2
    values = np.ldexp(places.astype(np.float64), -SIGMOID_FRAC_BITS)
    return quantise(1.0 / (1.0 + np.exp(-values)), fmt)


def frac_bits_for(max_abs: float, width_bits: int) -> int:
    """Most fractional bits with which ``max_abs`` still fits a signed word, within the ends.

    >>> frac_bits_for(1.0, 8), frac_bits_for(0.99, 8), frac_bits_for(0.999, 8), frac_bits_for(9, 8)
    (6, 7, 6, 3)
    """
    if max_abs <= 0.0:
        return 0
    high = (1 << (width_bits - 1)) - 1
    frac_bits = width_bits - math.frexp(max_abs)[1]  # one too many at most
    while math.floor(math.ldexp(max_abs, frac_bits) + 0.5) > high:
        frac_bits -= 1
    return max(MIN_FRAC_BITS, min(MAX_FRAC_BITS, frac_bits))


@dataclass(frozen=True, slots=True)
class NumberFormats:
    """Formats of a whole network.

    Attributes:
        precision: the word lengths they were chosen for.
        outputs: layer -> format of the words it puts out, all layers.
        weights: Conv2d layer -> format of its weights. Its accumulators and its bias have the
            fractional bits of its input and its weights together.
        inputs: Conv2d layer -> format that the words which come to it are rounded to; layers that
            take them as they are are absent.
    """

    precision: Precision
    outputs: Mapping[str, FixedPoint]
    weights: Mapping[str, FixedPoint]
    inputs: Mapping[str, FixedPoint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("outputs", "weights", "inputs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def source(self, graph: Graph, conv: str) -> FixedPoint:
        """Format of the words that come to a convolution."""
        return self.outputs[graph.in_edges(conv)[0].src]

    def operand(self, graph: Graph, conv: str) -> FixedPoint:
        """Format of the activations that a convolution multiplies."""
        return self.inputs.get(conv, self.source(graph, conv))

    def accumulator(self, graph: Graph, conv: str) -> FixedPoint:
        """Format of a convolution's accumulators."""
        frac_bits = self.operand(graph, conv).frac_bits + self.weights[conv].frac_bits
        return FixedPoint(self.precision.of(conv).acc_bits, frac_bits)


_KNOWN_MAX: Mapping[type[ops.Op], float] = {ops.HardSigmoid: 1.0, ops.Sigmoid: 1.0}


def _max_abs(graph: Graph, name: str, output_max_abs: Mapping[str, float]) -> float | None:
    """Largest |value| that a layer's format must hold, None where it is not known.

    Where the only reader is a Relu or a Clip, what that reader cuts off need not fit: it
    saturates to something that is cut off as well.
    """
    op = graph[name].op
    known = _KNOWN_MAX.get(type(op), output_max_abs.get(name))
    readers = graph.out_edges(name)
    if known is not None and len(readers) == 1:
        reader = readers[0].dst
        after = output_max_abs.get(reader)
        if isinstance(graph[reader].op, ops.Relu | ops.Clip) and after is not None:
            return min(known, after) if after > 0.0 else known
    return known


def _weight_frac_bits(
    graph: Graph,
    name: str,
    weights: Weights,
    input_frac_bits: int,
    output_max_abs: float,
    arithmetic: Arithmetic,
) -> int:
    """As many as fit the weights' words, and leave the accumulator ``HEAD_ROOM_BITS`` over the
    largest output measured (and over the bias)."""
    largest = float(np.abs(weights[f"{name}.weight"]).max())
    final = max(output_max_abs, float(np.abs(weights[f"{name}.bias"]).max()))
    own = frac_bits_for(largest, arithmetic.weight_bits)
    if final <= 0.0:
        return own
    accumulator = arithmetic.acc_bits - 1 - HEAD_ROOM_BITS - math.frexp(final)[1]
    return max(MIN_FRAC_BITS, min(own, accumulator - input_frac_bits))


def choose_formats(
    graph: Graph,
    weights: Weights,
    output_max_abs: Mapping[str, float],
    arithmetic: WordLengths,
) -> NumberFormats:
    """Formats in which a network's measured values fit.

    Args:
        graph: the network.
        weights: its weights, pruned or not.
        output_max_abs: layer -> largest |output| measured (``SparsityProfile.output_max_abs``).
        arithmetic: word lengths, of all layers or of each.

    Raises:
        ProfileError: listing the layers whose largest output is not known.
        SpecError: if ``acc_bits`` exceeds ``MAX_ACC_BITS``.
    """
    precision = precision_of(arithmetic)
    for words in (precision.default, *precision.layers.values()):
        if words.acc_bits > MAX_ACC_BITS:
            raise SpecError.at(
                "arithmetic.acc_bits", words.acc_bits, f"at most {MAX_ACC_BITS} bits"
            )
    needed = [
        layer.name
        for layer in graph
        if not isinstance(layer.op, (*KEEPS_FORMAT, *_KNOWN_MAX))
        and layer.name not in output_max_abs
    ]
    if needed:
        raise ProfileError(
            f"{graph.name}: the largest outputs of {len(needed)} layer(s) are not known: "
            f"{', '.join(needed)}"
        )
    lengths = arithmetic_by_layer(graph, precision)
    largest: dict[str, float] = {}
    outputs: dict[str, FixedPoint] = {}
    inputs: dict[str, FixedPoint] = {}
    weight_formats: dict[str, FixedPoint] = {}
    for layer in graph:
        name, words = layer.name, lengths[layer.name]
        sources = [edge.src for edge in graph.in_edges(name)]
        if isinstance(layer.op, KEEPS_FORMAT):
            outputs[name], largest[name] = outputs[sources[0]], largest[sources[0]]
            continue
        largest[name] = _max_abs(graph, name, output_max_abs) or 0.0
        outputs[name] = FixedPoint(words.out_bits, frac_bits_for(largest[name], words.out_bits))
        if isinstance(layer.op, ops.Conv2d):
            operand = outputs[sources[0]]
            if words.act_bits < operand.width_bits:
                frac_bits = frac_bits_for(largest[sources[0]], words.act_bits)
                operand = inputs[name] = FixedPoint(words.act_bits, frac_bits)
            frac_bits = _weight_frac_bits(
                graph, name, weights, operand.frac_bits, output_max_abs[name], words
            )
            weight_formats[name] = FixedPoint(words.weight_bits, frac_bits)
    return NumberFormats(precision, outputs, weight_formats, inputs)
