"""Real trained networks on real labelled images. Needs the folder named by HASS_DATA_DIR."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hass.measure import Split, measure_accuracy, measure_profile, open_dataset, prove_equal
from hass.onnx_io import ImportedModel, read_model, write_model
from hass.ops import Input
from hass.sparsity import NO_CLIPS

DATA = os.environ.get("HASS_DATA_DIR")
pytestmark = pytest.mark.skipif(DATA is None, reason="HASS_DATA_DIR is not set: no real data")

# Top-1 on the selection split, as stated beside the data to three digits.
TOP1 = [
    ("cifar10/resnet20.onnx", "cifar10", 0.819),
    ("cifar10/resnet20.onnx", "cifar10/exact.toml", 0.92),
    ("cifar10/resnet8.onnx", "cifar10/raw.toml", 0.768),
    ("imagenet/squeezenet1.1.onnx", "imagenet", 0.698),
    ("imagenet/mobilenetv3_small.onnx", "imagenet/tf128.toml", 0.730),
    ("kws/dscnn.onnx", "kws/dataset.toml", 0.905),
]


def load(network: str, data: str):
    model = read_model(Path(str(DATA)) / network)
    return model, open_dataset(Path(str(DATA)) / data, model.graph.of_type(Input)[0].out)


@pytest.mark.parametrize(("network", "data", "expected"), TOP1)
def test_dense_accuracy_is_the_stated_one(network, data, expected) -> None:
    model, dataset = load(network, data)
    model_bytes = write_model(model.graph, model.weights)
    result = measure_accuracy(model_bytes, dataset, Split.SELECTION)
    assert abs(result.top1 - expected) <= 0.0005 + 1e-12


@pytest.mark.parametrize("network", sorted({row[0] for row in TOP1}))
def test_the_ir_computes_what_the_file_computes(network) -> None:
    model: ImportedModel = read_model(Path(str(DATA)) / network)
    assert prove_equal(model) < 1e-4


def test_histograms_agree_with_the_exact_densities() -> None:
    model, dataset = load("cifar10/resnet20.onnx", "cifar10")
    profile = measure_profile(model.graph, model.weights, dataset, NO_CLIPS)
    for layer in profile.layers.values():
        for histogram in layer.histograms:
            products = np.arange(histogram.segment_products + 1)
            mean = (histogram.probabilities() @ products).mean() / histogram.segment_products
            assert mean == pytest.approx(layer.pair_density, rel=0.03)
