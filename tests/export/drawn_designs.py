"""Designs drawn by a seed, for exporters: every engine, packing and memory, any word lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from chain_networks import float_outputs

from hass import ops
from hass.cost import EngineKind, Folding, estimate, layer_shapes
from hass.design import Design, LayerDensity, ModelRef, build_design, provenance_now
from hass.device import load_device
from hass.export import ExportSource, export_source
from hass.folding import FoldingPlan
from hass.folding.legal import ON_CHIP_MEMORIES, legal_foldings
from hass.frames import TestFrames
from hass.graph import Graph, Weights
from hass.intmath import divisors
from hass.prune import pruned_weights
from hass.sparsity import NO_CLIPS, Settings, SparsitySetting
from hass.values import Arithmetic, WordLengths

ENGINES = (EngineKind.DENSE, EngineKind.DYNAMIC, EngineKind.STATIC)


def drawn_foldings(graph: Graph, seed: int) -> dict[str, Folding]:
    """A legal folding for each layer; convolutions get all kinds of engines in turn."""
    rng = np.random.default_rng(seed)
    foldings: dict[str, Folding] = {}
    convs = 0
    for name, shape in layer_shapes(graph).items():
        dense = frozenset({EngineKind.DENSE})
        tables = legal_foldings(shape, dense, frozenset(ON_CHIP_MEMORIES), None)
        table = tables[rng.integers(len(tables))]
        folding = table.row(int(rng.integers(len(table))))
        if isinstance(shape.op, ops.Conv2d):
            engine = ENGINES[(convs + seed) % 3]
            convs += 1
            if engine is not EngineKind.DENSE:
                left = shape.inputs[0].channels // shape.op.groups // folding.coarse_in
                packed = int(rng.choice([p for p in divisors(left) if p <= 4]))
                products = packed * shape.op.kernel[0] * shape.op.kernel[1]
                fine = int(rng.integers(1, min(8, products) + 1))
                folding = replace(folding, engine=engine, packed=packed, fine=fine)
            if engine is EngineKind.DYNAMIC:
                folding = replace(folding, lane_fifo_depth=int(rng.choice([1, 8])))
        foldings[name] = folding
    return foldings


def drawn_settings(graph: Graph, seed: int) -> dict[str, SparsitySetting]:
    """Clips on two layers out of three."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for index, layer in enumerate(graph.convs):
        if index % 3:
            drawn[layer.name] = SparsitySetting(
                float(rng.uniform(0, 0.8)), float(rng.uniform(0, 0.4))
            )
    return drawn


def drawn_design(
    graph: Graph,
    weights: Weights,
    frames: npt.NDArray[np.float32],
    *,
    seed: int = 0,
    settings: Settings = NO_CLIPS,
    foldings: Mapping[str, Folding] | None = None,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    headroom: float = 1.0,
) -> Design:
    """A design whose ranges are those of ``frames`` in onnxruntime, times ``headroom``."""
    device = load_device("zcu104")
    chosen = drawn_foldings(graph, seed) if foldings is None else foldings
    found = estimate(graph, chosen, device)
    plan = FoldingPlan(chosen, found, "greedy", found.frame_ii_cycles, 0.0)
    reference = ModelRef("net.onnx", "0" * 64, graph.digest, weights.digest)
    design = build_design(reference, device, plan, provenance_now(), arithmetic=arithmetic)
    thresholds = {name: setting.act_threshold for name, setting in settings.items()}
    outputs = float_outputs(graph, pruned_weights(weights, settings), thresholds, frames)
    rng = np.random.default_rng(seed)
    shares = {layer.name: sorted(rng.uniform(0, 1, 2)) for layer in graph.convs}
    return replace(
        design,
        settings=settings,
        output_max_abs={n: float(np.abs(x).max()) * headroom for n, x in outputs.items()},
        densities={n: LayerDensity(0.5, high, low) for n, (low, high) in shares.items()},
    )


def drawn_source(
    graph: Graph,
    weights: Weights,
    *,
    seed: int = 0,
    count: int = 8,
    settings: Settings | None = None,
    foldings: Mapping[str, Folding] | None = None,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    headroom: float = 1.0,
) -> ExportSource:
    """What an exporter is given of a drawn design, with normal frames; clips are drawn too unless
    they are given."""
    size = graph.frame
    shape = (count, size.channels, size.height, size.width)
    frames = np.random.default_rng(seed + 1).normal(0, 1, shape).astype(np.float32)
    design = drawn_design(
        graph,
        weights,
        frames,
        seed=seed,
        settings=drawn_settings(graph, seed) if settings is None else settings,
        foldings=foldings,
        arithmetic=arithmetic,
        headroom=headroom,
    )
    return export_source(design, graph, weights, TestFrames(frames, (), "Drawn."))
