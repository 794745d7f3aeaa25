"""The "light" models of onnx's own backend tests: ImageNet networks whose weights nodes make."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from hass.cost import estimate
from hass.device import load_device
from hass.errors import UnsupportedOpError
from hass.folding import FoldingPlan, solve
from hass.measure import prove_equal
from hass.onnx_io import read_model

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
# What each still needs before it can be folded: ops that are refused by name. A network that has
# all of them goes on to the proof and to the folding, whatever stands here.
MISSING: dict[str, frozenset[str]] = {
    "bvlc_alexnet": frozenset(),
    "densenet121": frozenset(),
    "inception_v1": frozenset(),
    "inception_v2": frozenset(),
    "resnet50": frozenset(),
    "shufflenet": frozenset({"Reshape"}),
    "squeezenet": frozenset(),
    "vgg19": frozenset(),
    "zfnet512": frozenset(),
}
# More would take 2.5 GB of memory and half a minute: AlexNet's, VGG-19's and ZFNet's are fully
# connected layers for the most part, and their proofs are run by hand.
MOST_PROVED_WEIGHTS = 30_000_000


def test_every_light_network_is_looked_at() -> None:
    found = {path.stem.removeprefix("light_") for path in FOLDER.glob("*.onnx")}
    assert found == set(MISSING)


@pytest.mark.parametrize("name", MISSING)
def test_light_network_folds_or_is_refused_by_name(name: str) -> None:
    try:
        model = read_model(FOLDER / f"light_{name}.onnx")
    except UnsupportedOpError as error:
        refused = {node.op for node in error.nodes}
        assert refused <= MISSING[name]
        assert all(f"{node.op} (node {node.node!r}" in str(error) for node in error.nodes)
        return
    if sum(array.size for array in model.weights.values()) <= MOST_PROVED_WEIGHTS:
        assert prove_equal(model) <= 1e-4
    device = load_device("u250")
    plan = solve(model.graph, device)
    assert isinstance(plan, FoldingPlan)
    assert plan.gap <= 1e-3
    assert estimate(model.graph, plan.foldings, device) == plan.estimate
