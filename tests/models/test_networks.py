"""Definitions against torchvision's published facts; weight files good and bad."""

from __future__ import annotations

import hashlib
import io
import re
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from published import (
    EXACTLY,
    KERAS,
    MILLIONS,
    OWN,
    REPVGG_A0,
    TORCHVISION,
    VISUAL_WAKE_WORDS,
)
from weight_names import FINGERPRINTS, KNOWN_ENTRIES

torch = pytest.importorskip("torch", reason="torch defines the networks: make test installs it")

from macs import macs_of  # noqa: E402

from hass.errors import SpecError  # noqa: E402
from hass.models.digits_net import DigitsNet  # noqa: E402
from hass.models.networks import NAMES, build, check_shape, random_network, trained_network  # noqa: E402
from hass.models.onnx_export import BatchDim, Norms, onnx_bytes  # noqa: E402
from hass.models.registry import BY_NAME, DIGITS, NETWORKS  # noqa: E402


def _parameters(network: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in network.parameters())


@cache
def _on_meta(name: str) -> torch.nn.Module:
    """Shapes without values: as cheap for the largest network as for the smallest."""
    with torch.device("meta"):
        network: torch.nn.Module = build(name)
    return network


def _saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def test_every_network_of_the_registry_can_be_built() -> None:
    assert set(BY_NAME) == NAMES
    assert len(BY_NAME) == len(NETWORKS)
    tables = (TORCHVISION, KERAS, MILLIONS, EXACTLY)
    known = {name for table in tables for name in table} | OWN
    assert NAMES - known == {"repvgg_a0", "repvgg_a0_train", "mobilenet_v1_025"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_definitions_have_the_registrys_figures(name: str) -> None:
    info = BY_NAME[name]
    network = _on_meta(name)
    assert _parameters(network) == info.parameters
    assert macs_of(network, info.input_shape) == info.macs


@pytest.mark.parametrize("name", sorted(TORCHVISION))
def test_figures_are_those_that_torchvision_publishes(name: str) -> None:
    parameters, gmacs = TORCHVISION[name]
    assert BY_NAME[name].parameters == parameters
    assert f"{BY_NAME[name].macs / 1e9:.2f}" == f"{gmacs:.2f}"


def test_figures_are_those_that_others_publish() -> None:
    for name, (millions, mega) in MILLIONS.items():
        assert round(BY_NAME[name].parameters / 1e6, 2) == millions
        assert round(BY_NAME[name].macs / 1e6, 2) == mega
    for name, parameters in EXACTLY.items():
        assert BY_NAME[name].parameters == parameters
    deployed, trained, gmacs = REPVGG_A0
    assert BY_NAME["repvgg_a0"].parameters // 10_000 / 100 == deployed
    assert round(BY_NAME["repvgg_a0_train"].parameters / 1e6, 2) == trained
    assert round(BY_NAME["repvgg_a0"].macs / 1e9, 1) == gmacs


@pytest.mark.parametrize("name", [*KERAS, "mobilenet_v1_025"])
def test_figures_are_those_of_keras_which_counts_more(name: str) -> None:
    network = _on_meta(name)
    normalised = sum(
        module.num_features
        for module in network.modules()
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)
    )
    expected = KERAS.get(name, VISUAL_WAKE_WORDS)
    more = 2 if name in KERAS else 3
    assert _parameters(network) + more * normalised == expected


@pytest.mark.parametrize("name", sorted(FINGERPRINTS))
def test_names_and_shapes_are_those_of_published_weights(name: str) -> None:
    state = _on_meta(name).state_dict()
    for key, shape in KNOWN_ENTRIES.get(name, {}).items():
        assert tuple(state[key].shape) == shape, key
    lines = "\n".join(f"{key} {tuple(tensor.shape)}" for key, tensor in sorted(state.items()))
    assert hashlib.sha256(lines.encode()).hexdigest() == FINGERPRINTS[name]


def test_the_digits_network_has_the_registrys_figures() -> None:
    network = DigitsNet()
    assert sum(tensor.numel() for tensor in network.parameters()) == DIGITS.parameters
    assert macs_of(network, DIGITS.input_shape) == DIGITS.macs


def test_mobilenet_v3_normalises_as_torchvision_does() -> None:
    norms = [
        module
        for module in build("mobilenet_v3_small").modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    ]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(0.001, 0.01)}


def test_random_weights_follow_the_seed_and_leave_the_global_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again, other = (random_network("mobilenet_v3_small", seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    key = "features.0.0.weight"
    assert torch.equal(first.state_dict()[key], again.state_dict()[key])
    assert not torch.equal(first.state_dict()[key], other.state_dict()[key])


@pytest.mark.parametrize("norms", list(Norms))
@pytest.mark.parametrize("batch", list(BatchDim))
def test_an_export_computes_what_torch_computes(norms: Norms, batch: BatchDim) -> None:
    network = random_network("mobilenet_v3_small", 0)
    data = onnx_bytes(network, (3, 64, 64), batch=batch, norms=norms)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import if not entry.domain] == [17]
    has_norms = any(node.op_type == "BatchNormalization" for node in model.graph.node)
    assert has_norms == (norms is Norms.KEEP)
    frames = 1 if batch is BatchDim.ONE else 2
    x = np.random.default_rng(0).normal(size=(frames, 3, 64, 64)).astype(np.float32)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    got = session.run(["output"], {"input": x})[0]
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_exporting_leaves_a_network_that_is_in_evaluation_mode() -> None:
    network = random_network("mobilenet_v3_small", 0)
    onnx_bytes(network, (3, 32, 32), norms=Norms.KEEP)
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5"])
def test_a_state_dict_with_torchvisions_names_loads(name: str, tmp_path: Path) -> None:
    source = random_network(name, 3)
    path = _saved(source.state_dict(), tmp_path / "weights.pth")
    loaded = trained_network(name, path).state_dict()
    assert all(torch.equal(tensor, loaded[key]) for key, tensor in source.state_dict().items())


def test_training_heads_of_published_weights_are_left_out(tmp_path: Path) -> None:
    state = random_network("googlenet", 0).state_dict()
    published = {**state, "aux1.conv.conv.weight": torch.zeros(1), "aux2.fc2.bias": torch.zeros(1)}
    loaded = trained_network("googlenet", _saved(published, tmp_path / "weights.pth"))
    assert set(loaded.state_dict()) == set(state)


def test_densenets_old_names_load(tmp_path: Path) -> None:
    state = random_network("densenet121", 0).state_dict()
    old = {
        re.sub(r"(denselayer\d+\.(norm|conv))([12])\.", r"\1.\3.", key): tensor
        for key, tensor in state.items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    loaded = trained_network("densenet121", _saved(old, tmp_path / "weights.pth")).state_dict()
    assert all(torch.equal(tensor, loaded[key]) for key, tensor in state.items())


@pytest.mark.parametrize(
    ("name", "shape", "reason"),
    [
        ("resnet18", (1, 224, 224), "frames like 3x224x224"),
        ("resnet18", (3, 224), "frames like 3x224x224"),
        ("alexnet", (3, 32, 32), "any size that the layers of alexnet can take"),
        ("vgg11", (3, 16, 16), "3x16x16 ("),
        ("mlp_jets", (17,), "frames like 16"),
        ("unet", (3, 40, 40), "Sizes of tensors must match"),
    ],
)
def test_frames_that_a_network_cannot_take_are_refused(
    name: str, shape: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(SpecError) as caught:
        check_shape(name, shape)
    assert reason in str(caught.value)


def test_fully_connected_layers_follow_the_frame() -> None:
    check_shape("vgg11", (3, 64, 32))
    assert build("vgg11", (3, 64, 32)).classifier[0].in_features == 512 * 2 * 1
    check_shape("alexnet", (3, 96, 160))


def test_old_weight_files_without_batch_counters_load(tmp_path: Path) -> None:
    state = random_network("resnet18", 0).state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    loaded = trained_network("resnet18", _saved(old, tmp_path / "old.pth"))
    assert torch.equal(loaded.state_dict()["fc.weight"], state["fc.weight"])


def test_all_wrong_names_and_shapes_are_named_at_once(tmp_path: Path) -> None:
    state = dict(random_network("mobilenet_v3_small", 0).state_dict())
    del state["features.0.0.weight"]
    state["module.stranger"] = torch.zeros(1)
    state["classifier.3.bias"] = torch.zeros(10)
    path = _saved(state, tmp_path / "bad.pth")
    with pytest.raises(SpecError) as caught:
        trained_network("mobilenet_v3_small", path)
    text = str(caught.value)
    assert len(caught.value.mistakes) == 3
    assert str(path) in text
    for word in ("1 missing", "features.0.0.weight", "1 unexpected", "module.stranger"):
        assert word in text
    assert "classifier.3.bias: got shape (10,), expected (1000,)" in text


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = _saved(random_network("mobilenet_v2", 0).state_dict(), tmp_path / "v2.pth")
    with pytest.raises(SpecError, match=r"missing keys, .* and \d+ more"):
        trained_network("mobilenet_v3_small", path)


class _Trap:
    """Would touch a file if it were unpickled by a reader that runs code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_weight_file_never_runs_code(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    path = _saved({"conv1.weight": _Trap(sprung)}, tmp_path / "trap.pth")
    with pytest.raises(SpecError, match=r"trap\.pth"):
        trained_network("resnet18", path)
    assert not sprung.exists()


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(100)}, buffer)
    whole = buffer.getvalue()
    noise = np.random.default_rng(0)
    contents = [
        b"",
        b"root:x:0:0:root:/root:/bin/bash\n",
        b"\x80\x02",
        whole[: len(whole) // 2],
        *(noise.bytes(size) for size in range(1, 60)),
    ]
    path = tmp_path / "bad.pth"
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(SpecError, match=r"bad\.pth"):
            trained_network("resnet18", path)
    with pytest.raises(SpecError, match="no such file"):
        trained_network("resnet18", tmp_path / "absent.pth")
    for state in ([torch.zeros(1)], {}, {"epoch": 3, "model": {"a": torch.zeros(1)}}):
        with pytest.raises(SpecError, match=r"expected a \.pth file"):
            trained_network("resnet18", _saved(state, path))


def test_registry_lists_each_network_once() -> None:
    assert len({network.name for network in NETWORKS}) == len(NETWORKS)
