"""Every definition goes through import, and some through the whole flow, at small frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch defines the networks: make test installs it")

from macs import macs_of  # noqa: E402

from hass import ops  # noqa: E402
from hass.cost import EngineKind, estimate  # noqa: E402
from hass.device import load_device  # noqa: E402
from hass.errors import HassError  # noqa: E402
from hass.folding import FoldingPlan, solve  # noqa: E402
from hass.graph import Graph, macs_per_frame  # noqa: E402
from hass.measure import prove_equal  # noqa: E402
from hass.models import vgg  # noqa: E402
from hass.models.networks import build, draw_weights  # noqa: E402
from hass.models.onnx_export import Norms, onnx_bytes  # noqa: E402
from hass.models.registry import BY_NAME  # noqa: E402
from hass.onnx_io import read_model  # noqa: E402
from hass.sim.run import Setup, simulate  # noqa: E402

SMALL = {
    # nothing is left of the maps of smaller frames
    "alexnet": (3, 64, 64),
    "inception_v3": (3, 96, 96),
    "m5": (1, 2000),
}
NARROW_HIDDEN = 64  # of VGG's fully connected layers, which are most of its weights
# What is not supported yet, and what the refusal says. A network that is leaves the table.
REFUSED: dict[str, str] = {
    "m5": "3 dimensions",
    "autoencoder": "2 dimensions",
    "mlp_mnist": "2 dimensions",
    "mlp_jets": "2 dimensions",
}
WHOLE_FLOW = (
    "resnet18",
    "regnet_y_400mf",
    "googlenet",
    "squeezenet1_1",
    "mnasnet1_0",
    "efficientnet_b0",
    "repvgg_a0_train",
    "ds_cnn",
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of torch only wait for each other where others want the cores, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _shape(name: str) -> tuple[int, ...]:
    usual = BY_NAME[name].input_shape
    return SMALL.get(name, (3, 32, 32) if usual[0] == 3 else usual)


def _network(name: str) -> torch.nn.Module:
    """The network with random weights; normalisations do something, too."""
    shape = _shape(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if name in vgg.SIZED_BUILDERS:
            network = vgg.SIZED_BUILDERS[name](shape, hidden=NARROW_HIDDEN)
        else:
            network = build(name, shape)
        draw_weights(network)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
                torch.nn.init.normal_(module.bias, std=0.1)
                torch.nn.init.normal_(module.running_mean, std=0.1)
    return network.eval()


def _written(name: str, network: torch.nn.Module, folder: Path, norms: Norms) -> Path:
    path = folder / f"{name}.onnx"
    outputs = BY_NAME[name].outputs
    path.write_bytes(onnx_bytes(network, _shape(name), outputs=outputs, norms=norms))
    return path


def _macs(graph: Graph) -> int:
    """Of all convolutions but those that only scale and shift, which have none in torch."""
    return sum(
        macs_per_frame(graph, layer.name)
        for layer in graph.convs
        if not (
            isinstance(layer.op, ops.Conv2d)
            and layer.op.kernel == (1, 1)
            and layer.op.groups == layer.op.out_channels
        )
    )


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_network_is_imported_folded_and_simulated(name: str, tmp_path: Path) -> None:
    network = _network(name)
    path = _written(name, network, tmp_path, Norms.FOLD)
    try:
        model = read_model(path)
    except HassError as error:
        assert REFUSED.get(name, "nothing is refused") in str(error)
        return
    assert _macs(model.graph) == macs_of(network, _shape(name))
    prove_equal(model)
    if name in WHOLE_FLOW:
        _fold_and_simulate(model.graph)


def _fold_and_simulate(graph: Graph) -> None:
    device = load_device("u250")
    plan = solve(graph, device, engines=frozenset({EngineKind.DENSE}))
    assert isinstance(plan, FoldingPlan), plan
    modelled = estimate(graph, plan.foldings, device)
    assert modelled.frame_ii_cycles == plan.estimate.frame_ii_cycles
    result = simulate(graph, modelled, Setup(frames=3))
    assert result.deadlock is None
    assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles


@pytest.mark.parametrize("name", ["mobilenet_v2", "densenet121", "repvgg_a0_train"])
def test_kept_normalisations_are_imported_too(name: str, tmp_path: Path) -> None:
    prove_equal(read_model(_written(name, _network(name), tmp_path, Norms.KEEP)))
