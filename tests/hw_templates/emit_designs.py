"""Designs made by hand for the emitter's tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from chain_networks import float_outputs

from hass import ops
from hass.cost import EngineKind, Folding, estimate, layer_shapes
from hass.design import Design, ModelRef, build_design, provenance_now
from hass.device import load_device
from hass.folding import FoldingPlan
from hass.folding.legal import ON_CHIP_MEMORIES, legal_foldings
from hass.graph import Graph, Weights
from hass.prune import pruned_weights
from hass.sparsity import Settings
from hass.values import Arithmetic, WordLengths

ENGINES = frozenset({EngineKind.DENSE})


def random_foldings(graph: Graph, seed: int, *, sparse: bool = True) -> dict[str, Folding]:
    """A legal folding for each layer; with ``sparse`` every second layer, if a convolution, has
    dynamic engines, every fourth static ones."""
    rng = np.random.default_rng(seed)
    foldings = {}
    for index, (name, shape) in enumerate(layer_shapes(graph).items()):
        tables = legal_foldings(shape, ENGINES, frozenset(ON_CHIP_MEMORIES), None)
        table = tables[rng.integers(len(tables))]
        folding = table.row(int(rng.integers(len(table))))
        sparse_conv = sparse and isinstance(shape.op, ops.Conv2d)
        if sparse_conv and index % 2:
            depth = int(rng.choice([1, 4, 16]))
            folding = replace(folding, engine=EngineKind.DYNAMIC, lane_fifo_depth=depth)
        elif sparse_conv and index % 4:
            folding = replace(folding, engine=EngineKind.STATIC)
        foldings[name] = folding
    return foldings


def make_design(
    graph: Graph,
    weights: Weights,
    foldings: Mapping[str, Folding],
    settings: Settings,
    frames: npt.NDArray[np.float32],
    arithmetic: WordLengths | None = None,
) -> Design:
    """A design whose ranges are those of ``frames`` in onnxruntime."""
    device = load_device("zcu104")
    words = arithmetic or Arithmetic()
    found = estimate(graph, foldings, device, arithmetic=words)
    plan = FoldingPlan(foldings, found, "greedy", found.frame_ii_cycles, 0.0)
    reference = ModelRef("net.onnx", "0" * 64, graph.digest, weights.digest)
    design = build_design(reference, device, plan, provenance_now(), arithmetic=words)
    thresholds = {name: setting.act_threshold for name, setting in settings.items()}
    outputs = float_outputs(graph, pruned_weights(weights, settings), thresholds, frames)
    ranges = {name: float(np.abs(values).max()) for name, values in outputs.items()}
    return replace(design, settings=settings, output_max_abs=ranges)
