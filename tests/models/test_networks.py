"""Definitions against torchvision's published facts; weight files good and bad."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="torch defines the networks: make test installs it")

from hass.errors import SpecError  # noqa: E402
from hass.models.digits_net import DigitsNet  # noqa: E402
from hass.models.networks import BUILDERS, random_network, trained_network  # noqa: E402
from hass.models.onnx_export import BatchDim, Norms, onnx_bytes  # noqa: E402
from hass.models.registry import BY_NAME, DIGITS, NETWORKS  # noqa: E402

# Entries of the state_dict of torchvision 0.13 and later, counters of batches included.
STATE_ENTRIES = {
    "resnet18": 122,
    "resnet50": 320,
    "vgg16": 32,
    "mobilenet_v2": 314,
    "mobilenet_v3_small": 244,
    "mobilenet_v3_large": 312,
}
# Names and shapes as in torchvision's weight files, at the places where naming is peculiar.
KNOWN_ENTRIES = {
    "resnet18": {
        "conv1.weight": (64, 3, 7, 7),
        "layer1.0.conv2.weight": (64, 64, 3, 3),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.running_var": (128,),
        "layer4.1.bn2.num_batches_tracked": (),
        "fc.bias": (1000,),
    },
    "resnet50": {
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer3.5.conv3.weight": (1024, 256, 1, 1),
        "layer4.0.conv2.weight": (512, 512, 3, 3),
        "fc.weight": (1000, 2048),
    },
    "vgg16": {
        "features.0.weight": (64, 3, 3, 3),
        "features.28.bias": (512,),
        "classifier.0.weight": (4096, 25088),
        "classifier.6.bias": (1000,),
    },
    "mobilenet_v2": {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.2.conv.1.1.running_mean": (96,),
        "features.17.conv.2.weight": (320, 960, 1, 1),
        "features.17.conv.3.bias": (320,),
        "features.18.1.num_batches_tracked": (),
        "classifier.1.weight": (1000, 1280),
    },
    "mobilenet_v3_small": {
        "features.1.block.0.0.weight": (16, 1, 3, 3),
        "features.1.block.1.fc1.weight": (8, 16, 1, 1),
        "features.4.block.2.fc1.weight": (24, 96, 1, 1),
        "features.12.0.weight": (576, 96, 1, 1),
        "classifier.0.weight": (1024, 576),
        "classifier.3.bias": (1000,),
    },
    "mobilenet_v3_large": {
        "features.4.block.2.fc2.weight": (72, 24, 1, 1),
        "features.7.block.1.0.weight": (240, 1, 3, 3),
        "features.15.block.3.1.bias": (160,),
        "features.16.0.weight": (960, 160, 1, 1),
        "classifier.3.weight": (1000, 1280),
    },
}
# sha256 of the lines "name shape" of the whole state_dict: any renaming is seen.
FINGERPRINTS = {
    "mobilenet_v2": "e3eb10f890f74c6ee65e79c53b1a3c9ee5dd5c8d8eb4ec3185d92cbea9d47b89",
    "mobilenet_v3_large": "555a3f5e3bcc126ea392ac52ab422c6a68f733ea2a9046dbf0f1b191dd1a09af",
    "mobilenet_v3_small": "8fee267f118ca2d792c601972a6569784230d072ae8bdc09f798603f30decf4f",
    "resnet18": "5191d63ec398959223d67ef37376f9061e6965b859fc2d4e40e23d037147a0d7",
    "resnet50": "a87e91cd6bd1f939e0b723852e567a7205d33b0ac984ac02dd1a5f225d37c036",
    "vgg16": "ba63c2556d912509cba94697742dd762a05c284047650150bab0c2ddc806bb59",
}


def _macs(network: torch.nn.Module, input_chw: tuple[int, int, int]) -> int:
    total = 0

    def count(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * output.shape[2:].numel()

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(torch.zeros(1, *input_chw))
    return total


def _saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def test_every_network_of_the_registry_can_be_built() -> None:
    assert set(BUILDERS) == set(BY_NAME) == set(STATE_ENTRIES)


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_names_shapes_and_sizes_are_torchvisions(name: str) -> None:
    with torch.device("meta"):
        network = BUILDERS[name]()
    state = network.state_dict()
    assert sum(tensor.numel() for tensor in network.parameters()) == BY_NAME[name].parameters
    assert len(state) == STATE_ENTRIES[name]
    for key, shape in KNOWN_ENTRIES[name].items():
        assert tuple(state[key].shape) == shape, key
    lines = "\n".join(f"{key} {tuple(tensor.shape)}" for key, tensor in sorted(state.items()))
    assert hashlib.sha256(lines.encode()).hexdigest() == FINGERPRINTS[name]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_strides_give_the_published_macs(name: str) -> None:
    with torch.device("meta"):
        network = BUILDERS[name]()
        assert _macs(network, BY_NAME[name].input_chw) == BY_NAME[name].macs


def test_the_digits_network_has_the_registrys_figures() -> None:
    network = DigitsNet()
    assert sum(tensor.numel() for tensor in network.parameters()) == DIGITS.parameters
    assert _macs(network, DIGITS.input_chw) == DIGITS.macs


def test_mobilenet_v3_normalises_as_torchvision_does() -> None:
    norms = [
        module
        for module in BUILDERS["mobilenet_v3_small"]().modules()
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


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_state_dict_with_torchvisions_names_loads(name: str, tmp_path: Path) -> None:
    source = random_network(name, 3)
    path = _saved(source.state_dict(), tmp_path / "weights.pth")
    loaded = trained_network(name, path).state_dict()
    assert all(torch.equal(tensor, loaded[key]) for key, tensor in source.state_dict().items())


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
