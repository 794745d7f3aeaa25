"""Real networks: the import computes what the files say. Needs HASS_DATA_DIR."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from onnx_models import op_names, prove

from hass import ops
from hass.text import graph_from_json, graph_to_json

# layers that multiply by weights, as the networks' authors count them
CONVS = {
    "cifar10/resnet8": 10,
    "cifar10/resnet20": 20,
    "cifar10/resnet20_jpeg": 20,
    "cifar10/resnet56": 56,
    "cifar10/mlperftiny_resnet": 10,
    "imagenet/squeezenet1.1": 26,
    "imagenet/mobilenetv3_small": 54,
    "imagenet/mobilenet_edgetpu": 59,
    "kws/dscnn": 10,
}


@pytest.mark.parametrize("name", CONVS)
def test_network(name: str) -> None:
    folder = os.environ.get("HASS_DATA_DIR")
    if not folder:
        pytest.skip("HASS_DATA_DIR is not set: no real networks to test with")
    model = prove(Path(folder) / f"{name}.onnx", count=2)
    assert len(model.graph.convs) == CONVS[name]
    assert graph_from_json(graph_to_json(model.graph)) == model.graph
    # all gates are recognised, no scale is left over
    assert not [layer for layer in model.graph.of_type(ops.Clip) if layer.op != ops.Clip(0, 6)]
    assert ("HardSigmoid" in op_names(model.graph)) == (name == "imagenet/mobilenetv3_small")
