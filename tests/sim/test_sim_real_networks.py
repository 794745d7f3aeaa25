"""Frame II of sparse designs of real networks, modelled against traced. Needs HASS_DATA_DIR."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from hass.sim.fidelity import median_layer_error, run_case, worst_layer_error
from hass.sim.fidelity_cases import Engines, FidelityCase

# What the model promises of every sparse design, of which it is free to choose the foldings: the
# network's frame II within 3 % of what the simulator takes with real images, half of the layers
# within 3 %, every layer within 10 %.
NETWORK, MEDIAN_LAYER, WORST_LAYER = 0.03, 0.03, 0.10


@dataclass(frozen=True, slots=True)
class Network:
    """A model, its data, of how many frames the mean is taken, and of how many other images the
    profile is: images differ, and 8 of the small ones would leave a noise of 2 to 3 %. SqueezeNet's
    last layers differ most: its error was -4.6 % of 12 frames and 64 images, +0.3 % of these."""

    model: str
    data: str
    frames: int
    images: int


RESNET = Network("cifar10/resnet20_jpeg.onnx", "cifar10/dataset.toml", 64, 64)
MOBILENET = Network("imagenet/mobilenetv3_small.onnx", "imagenet/tf128.toml", 4, 64)
SQUEEZENET = Network("imagenet/squeezenet1.1.onnx", "imagenet/dataset.toml", 24, 256)
NATURAL, CLIPPED = (0.0, 0.0), (0.5, 0.2)  # shares of weights and activations
CASES = [
    (RESNET, "zcu104", NATURAL),
    (RESNET, "u250", NATURAL),
    (RESNET, "zcu104", CLIPPED),
    pytest.param(
        *(RESNET, "u250", CLIPPED),
        marks=pytest.mark.xfail(
            strict=True, reason="lanes with deep FIFOs stay alike for longer: -4.6 %, see fidelity"
        ),
    ),
    (MOBILENET, "u250", CLIPPED),
    (SQUEEZENET, "u250", CLIPPED),
]


# What a search of 20 trials once found: lanes of one input stream, one filter each, a window ahead.
SEARCHED = Path(__file__).with_name("searched_resnet20.json")


def _held_to_limits(
    network: Network, device: str, clipped: tuple[float, float], design: Path | None
) -> None:
    folder = os.environ.get("HASS_DATA_DIR")
    if folder is None:
        pytest.skip("HASS_DATA_DIR is not set: no real networks here")
    weight_sparsity, act_share = clipped
    case = FidelityCase(
        network=network.model,
        model=Path(folder) / network.model,
        device=device,
        engines=Engines.ANY,
        frames=network.frames,
        data=Path(folder) / network.data,
        design=design,
        weight_sparsity=weight_sparsity,
        act_share=act_share,
        images=network.images,
    )
    row = run_case(case)
    whole, median, worst = row.frame_ii_error, median_layer_error(row), worst_layer_error(row)
    assert whole is not None
    if not row.layer_errors:  # dense layers do not wait, and were faster
        assert whole == 0.0
        return
    assert median is not None and worst is not None
    print(
        f"{network.model} on {device}, clipped {clipped}: network {whole:+.2%}, "
        f"{len(row.layer_errors)} sparse layers, median {median:.2%}, worst {worst:+.2%}"
    )
    assert abs(whole) <= NETWORK
    assert median <= MEDIAN_LAYER
    assert abs(worst) <= WORST_LAYER


@pytest.mark.slow
@pytest.mark.parametrize(("network", "device", "clipped"), CASES)
def test_traced_frame_ii_is_as_modelled(
    network: Network, device: str, clipped: tuple[float, float]
) -> None:
    _held_to_limits(network, device, clipped, None)


@pytest.mark.slow
def test_traced_frame_ii_of_a_searched_design_is_as_modelled() -> None:
    _held_to_limits(RESNET, "zcu104", NATURAL, SEARCHED)
