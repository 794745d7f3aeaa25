"""A small design made by hand, and its file with changes."""

from __future__ import annotations

import json
from collections.abc import Callable

from hass.cost.foldings import EngineKind, Folding, MemoryKind
from hass.cost.result import Estimate, FifoEstimate, LayerEstimate
from hass.design import Design, DesignAccuracy, LayerDensity, ModelRef, Provenance, summarise
from hass.design_file import design_json
from hass.device import Device, Family, Resources
from hass.files import canonical_json
from hass.folding.plan import FoldingPlan
from hass.sparsity import Accuracy, SparsitySetting
from hass.values import Arithmetic

DEVICE = Device(
    "toy",
    "xctoy",
    Family.SERIES7,
    Resources(1000, 2000, 10, 20, 0),
    Resources(800, 1600, 9, 18, 0),
    150.0,
    4.2,
    (("clock_mhz", "a choice"), ("available", "a data sheet")),
)
Content = dict[str, object]


def simple_design() -> Design:
    folding = Folding(EngineKind.DENSE, 1, 2, 1, 3, 1, 1, MemoryKind.BRAM)
    layers = {
        "zeta": LayerEstimate(Folding(), 5, 1, 0.0, 0, 0.0, Resources(1)),
        "alpha": LayerEstimate(folding, 50, 9, 0.25, 20, 100.0, Resources(10, 20, 3, 4, 0)),
    }
    estimate = Estimate(
        layers=layers,
        fifos=(FifoEstimate("zeta", "alpha", 0, 1, 2, MemoryKind.NONE, Resources()),),
        frame_ii_cycles=50,
        depth_cycles=29,
        latency_cycles=79,
        clock_mhz=150.0,
        resources=Resources(11, 20, 3, 4, 0),
        bottleneck="alpha",
        active_macs_per_frame=100.0,
        multipliers=6,
    )
    return Design(
        model=ModelRef("model.onnx", "aa", "bb", "cc"),
        data=None,
        device=DEVICE,
        arithmetic=Arithmetic(),
        layer_arithmetic={},
        settings={"alpha": SparsitySetting(0.5, 0.125)},
        plan=FoldingPlan({k: v.folding for k, v in layers.items()}, estimate, "exact", 50, 0.0),
        summary=summarise(estimate, DEVICE),
        densities={"alpha": LayerDensity(0.5, 0.5, 0.25)},
        output_max_abs={"zeta": 1.0, "alpha": 2.5},
        accuracy=DesignAccuracy(None, Accuracy(3, 4), None),
        integer_accuracy=DesignAccuracy(None, Accuracy(2, 4), Accuracy(1, 4)),
        dense=None,
        trials=None,
        provenance=Provenance("0", 1, 7, "tpe", {"numpy": "1"}),
    )


def edited(edit: Callable[[Content], object]) -> str:
    content = json.loads(canonical_json(design_json(simple_design())))
    edit(content)
    return json.dumps(content)
