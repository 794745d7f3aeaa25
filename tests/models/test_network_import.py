"""Every network that can be exported can be imported again, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch defines the networks: make test installs it")

from hass import ops
from hass.measure import prove_equal
from hass.models.networks import BUILDERS, random_network
from hass.models.onnx_export import Norms, onnx_bytes
from hass.models.registry import BY_NAME
from hass.onnx_io import ImportedModel, read_model

SMALL_CHW = (3, 64, 64)  # keeps the tests quick; layers and weights do not depend on it
ONE_SIZE = {"vgg16"}  # its fully connected layers fit one size of image
# Convolutions and fully connected layers, those of squeeze-and-excitation included.
LAYERS_WITH_WEIGHTS = {
    "resnet18": 21,
    "resnet50": 54,
    "vgg16": 16,
    "mobilenet_v2": 53,
    "mobilenet_v3_small": 54,
    "mobilenet_v3_large": 64,
}


def _imported(name: str, folder: Path, norms: Norms) -> ImportedModel:
    path = folder / f"{name}.onnx"
    size = BY_NAME[name].input_chw if name in ONE_SIZE else SMALL_CHW
    path.write_bytes(onnx_bytes(random_network(name, 0), size, norms=norms))
    return read_model(path)


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_every_layer_and_every_weight_arrives(name: str, tmp_path: Path) -> None:
    model = _imported(name, tmp_path, Norms.FOLD)
    layers = [layer for layer in model.graph.layers if isinstance(layer.op, ops.Conv2d)]
    assert len(layers) == LAYERS_WITH_WEIGHTS[name]
    weights = sum(
        model.weights[f"{layer.name}.weight"].size + model.weights[f"{layer.name}.bias"].size
        for layer in layers
    )
    norms = [
        module for module in BUILDERS[name]().modules() if type(module).__name__ == "BatchNorm2d"
    ]
    # a folded normalisation leaves one bias per channel of its two parameters
    assert weights == BY_NAME[name].parameters - sum(norm.num_features for norm in norms)


@pytest.mark.parametrize("norms", list(Norms))
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "mobilenet_v3_small"])
def test_an_import_computes_what_the_export_computes(
    name: str, norms: Norms, tmp_path: Path
) -> None:
    assert prove_equal(_imported(name, tmp_path, norms)) < 1e-3
