"""Word lengths of single layers: what streams become, what is rounded where, what it costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from chain_networks import Chain, float_outputs, network

from hass import ops
from hass.cost import EngineKind, Folding, MemoryKind, estimate
from hass.cost.primitives import adders, fifo
from hass.device import Resources, load_device
from hass.fixed_point import NumberFormats, choose_formats, dequantise, quantise
from hass.folding import FoldingPlan
from hass.folding.solve import solve
from hass.graph import Graph, Weights
from hass.reference import run_reference
from hass.values import FeatureMap, Precision, arithmetic_of
from hass.word_lengths import arithmetic_by_layer

WIDE, NARROW, LEAST = (arithmetic_of(bits) for bits in (16, 8, 4))
# a convolution whose only reader is narrow, one that is read by a narrow one and by a sum
BLOCK: Chain = [
    ("first", ops.Conv2d(8, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    ("relu", ops.Relu(), ["first"]),
    ("pool", ops.MaxPool2d((2, 2), (2, 2)), ["relu"]),
    ("second", ops.Conv2d(8, (3, 3), (1, 1), (1, 1, 1, 1)), ["pool"]),
    ("after", ops.Relu(), ["second"]),
    ("fork", ops.Fork(), ["after"]),
    ("third", ops.Conv2d(8, (3, 3), (1, 1), (1, 1, 1, 1)), ["fork"]),
    ("sum", ops.Add(), ["third", "fork"]),
    ("last", ops.Conv2d(4, (1, 1)), ["sum"]),
]
SOURCE = FeatureMap(8, 6, 4)
MIXED = Precision(WIDE, {"second": NARROW, "third": LEAST, "last": replace(WIDE, weight_bits=8)})


@pytest.fixture(scope="module")
def block() -> tuple[Graph, Weights]:
    return network(BLOCK, SOURCE)


def _formats(
    graph: Graph, weights: Weights, images: npt.NDArray[np.float32], precision: Precision
) -> NumberFormats:
    found = float_outputs(graph, weights, {}, images)
    largest = {name: float(np.abs(values).max()) for name, values in found.items()}
    return choose_formats(graph, weights, largest, precision)


def _images(graph: Graph, count: int = 3) -> npt.NDArray[np.float32]:
    size = graph.frame
    shape = (count, size.channels, size.height, size.width)
    return np.random.default_rng(2).normal(0, 1, shape).astype(np.float32)


def test_a_stream_is_as_wide_as_its_widest_reader_and_skips_keep_their_words(
    block: tuple[Graph, Weights],
) -> None:
    found = arithmetic_by_layer(block[0], MIXED)
    bits = {name: (words.in_bits, words.act_bits, words.out_bits) for name, words in found.items()}
    assert bits == {
        "in": (16, 16, 16),
        "first": (16, 16, 8),  # nobody reads more than 8 bits
        "relu": (8, 8, 8),
        "pool": (8, 8, 8),
        "second": (8, 8, 16),  # the sum reads 16
        "after": (16, 16, 16),
        "fork": (16, 16, 16),
        "third": (16, 4, 16),  # rounded where it enters
        "sum": (16, 16, 16),
        "last": (16, 16, 16),
        "out": (16, 16, 16),
    }
    assert list(found) == [layer.name for layer in block[0]]


def test_layers_without_word_lengths_of_their_own_have_the_default(
    block: tuple[Graph, Weights],
) -> None:
    graph, _ = block
    same = dict.fromkeys((layer.name for layer in graph.convs), NARROW)
    assert Precision(NARROW, same).layers == {}
    for words in (NARROW, Precision(NARROW), Precision(NARROW, {"elsewhere": LEAST})):
        assert set(arithmetic_by_layer(graph, words).values()) == {NARROW}
    with pytest.raises(ValueError, match="of second are wider than the 8 bits"):
        Precision(NARROW, {"second": WIDE})


def test_a_mixed_network_computes_what_its_formats_say(block: tuple[Graph, Weights]) -> None:
    graph, weights = block
    images = _images(graph)
    formats = _formats(graph, weights, images, MIXED)
    assert {n: f.width_bits for n, f in formats.inputs.items()} == {"third": 4}
    assert {n: f.width_bits for n, f in formats.weights.items()} == {
        "first": 16,
        "second": 8,
        "third": 4,
        "last": 8,
    }
    taps = ("pool", "second", "fork", "third", "sum")
    words = run_reference(graph, weights, formats, {}, images, taps=taps)
    # one output of each narrow convolution, from its definition, in floats that hold it exactly
    for name, source, at in (("second", "pool", (1, 1)), ("third", "fork", (2, 1))):
        came = dequantise(words[source], formats.outputs[source])
        came = dequantise(
            quantise(came, formats.operand(graph, name)), formats.operand(graph, name)
        )
        window = came[:, :, at[0] - 1 : at[0] + 2, at[1] - 1 : at[1] + 2]
        fmt = formats.weights[name]
        weight = dequantise(quantise(weights[f"{name}.weight"], fmt), fmt)
        sums = np.einsum("nchw,fchw->nf", window, weight)
        accumulator = formats.accumulator(graph, name)
        assert accumulator.width_bits == MIXED.of(name).acc_bits
        sums += dequantise(quantise(weights[f"{name}.bias"], accumulator), accumulator)
        expected = quantise(sums, formats.outputs[name])
        np.testing.assert_array_equal(words[name][:, :, at[0], at[1]], expected)
    assert len(np.unique(words["third"])) > 20
    # the skip is not rounded to the 4 bits that its neighbour takes
    assert len(np.unique(words["fork"])) > 100


def test_fewer_bits_are_less_exact_and_only_where_they_are_fewer(
    block: tuple[Graph, Weights],
) -> None:
    graph, weights = block
    images = _images(graph)
    exact = float_outputs(graph, weights, {}, images)["last"]
    errors = []
    for own in ({}, {"third": NARROW}, {"third": LEAST}, {"third": LEAST, "second": LEAST}):
        formats = _formats(graph, weights, images, Precision(WIDE, own))
        words = run_reference(graph, weights, formats, {}, images)["out"]
        errors.append(float(np.abs(dequantise(words, formats.outputs["out"]) - exact).mean()))
    assert errors == sorted(errors)
    assert errors[0] < 0.001 < errors[1] < 0.02 < errors[2]


def _foldings(graph: Graph) -> dict[str, Folding]:
    conv = Folding(EngineKind.DENSE, 2, 4, 1, 3, weight_memory=MemoryKind.BRAM)
    last = replace(conv, fine=1, coarse_out=2)
    chosen = {x.name: conv if x in graph.convs else Folding() for x in graph}
    return chosen | {"last": last}


def test_what_is_narrower_costs_less_and_all_narrow_costs_as_narrow(
    block: tuple[Graph, Weights],
) -> None:
    graph, _ = block
    device, foldings = load_device("zcu104"), _foldings(graph)
    wide, mixed, narrow = (
        estimate(graph, foldings, device, arithmetic=words) for words in (WIDE, MIXED, NARROW)
    )
    assert mixed.frame_ii_cycles == wide.frame_ii_cycles
    lanes = 2 * 4 * 3
    assert [found.layers["second"].resources.dsp for found in (wide, mixed, narrow)] == [
        lanes,
        lanes // 2,  # two products share a DSP
        lanes // 2,
    ]
    for name in ("relu", "pool", "second"):
        here, most = mixed.layers[name].resources, wide.layers[name].resources
        assert here.lut < most.lut and here.ff < most.ff
    for name in ("in", "after", "fork", "sum", "out"):
        assert mixed.layers[name] == wide.layers[name]
    # of layers whose operands and streams are all narrow
    for name in ("relu", "pool"):
        assert mixed.layers[name].resources == narrow.layers[name].resources
    own = dict.fromkeys((layer.name for layer in graph.convs), NARROW)
    assert estimate(graph, foldings, device, arithmetic=Precision(NARROW, own)) == narrow
    assert estimate(graph, foldings, device, arithmetic=Precision(WIDE)) == wide


def test_fifos_hold_the_words_of_their_reader_which_pays_for_the_rounding(
    block: tuple[Graph, Weights],
) -> None:
    graph, _ = block
    device, foldings = load_device("zcu104"), _foldings(graph)
    found = estimate(graph, foldings, device, arithmetic=MIXED)
    lengths = arithmetic_by_layer(graph, MIXED)
    for item in found.fifos:
        cost = fifo(item.depth_words, item.streams * lengths[item.dst].act_bits, MemoryKind.BRAM)
        expected = (cost.lut, cost.ff, cost.dsp, cost.bram18, cost.uram)
        assert item.resources == Resources(*map(int, expected)), item.edge
    # a stream that comes as narrow as it is read saves just the rounding
    alone = Precision(WIDE, {"second": NARROW, "last": NARROW})
    spared = Precision(WIDE, {**alone.layers, "first": NARROW})
    assert (
        arithmetic_by_layer(graph, alone)["second"] == arithmetic_by_layer(graph, spared)["second"]
    )
    forked = Precision(WIDE, {"third": NARROW})
    words = arithmetic_by_layer(graph, forked)["third"]
    rounding = adders(np.array([2]), words.in_bits)
    before = estimate(graph, foldings, device, arithmetic=forked).layers["third"].resources
    after = estimate(graph, foldings, device, arithmetic=NARROW).layers["third"].resources
    assert before.lut > after.lut + int(rounding.lut[0]) > after.lut
    assert (before.dsp, before.bram18) == (after.dsp, after.bram18)


def test_folding_spends_what_narrow_layers_save() -> None:
    graph, _ = network(BLOCK, FeatureMap(16, 12, 4))
    device = replace(load_device("zcu104"), budget=Resources(60_000, 120_000, 40, 60, 10))
    cycles = []
    for words in (WIDE, Precision(WIDE, {"first": NARROW}), NARROW):
        plan = solve(graph, device, arithmetic=words)
        assert isinstance(plan, FoldingPlan)
        assert plan.estimate == estimate(graph, plan.foldings, device, arithmetic=words)
        cycles.append(plan.estimate.frame_ii_cycles)
    assert cycles[0] > cycles[1] >= cycles[2]
