"""``hass sim``: keys, tables, deadlocks with their cure, FIFO sizes; whole networks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import hass
from hass.cli import main
from hass.design import Design
from hass.folding import FoldingPlan
from hass.sim.run import Setup, simulate

DATA_DIR = os.environ.get("HASS_DATA_DIR")
KEYS = {
    "modelled_frame_ii_cycles",
    "simulated_frame_ii_cycles",
    "relative_error",
    "first_frame_cycles",
    "deadlock",
    "layers",
}


def run(*argv: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in argv])


def run_json(*argv: object) -> dict[str, object]:
    result = run(*argv, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert isinstance(printed, dict)
    return printed


def _folded(path: Path, device_name: str) -> Design:
    model, device = hass.read_model(path), hass.load_device(device_name)
    plan = hass.solve(model.graph, device)
    assert isinstance(plan, FoldingPlan)
    return hass.build_design(model, device, plan)


@pytest.fixture(scope="module")
def design_file(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    path = tmp_path_factory.mktemp("sim") / "design.json"
    hass.write_design(_folded(tiny_model, "pynq-z2"), path)
    return path


def test_json_has_the_keys_that_scripts_rely_on(design_file: Path) -> None:
    found = run_json("sim", design_file)
    assert set(found) >= KEYS
    assert found["deadlock"] is None
    assert found["simulated_frame_ii_cycles"] == found["modelled_frame_ii_cycles"]
    assert found["relative_error"] == 0.0
    layers = found["layers"]
    assert isinstance(layers, list)
    design = hass.read_design(design_file)
    assert [layer["name"] for layer in layers] == list(design.plan.estimate.layers)


def test_tables_go_to_stdout(design_file: Path) -> None:
    result = run("sim", design_file)
    assert result.exit_code == 0
    assert "simulated_cycles" in result.stdout
    assert "frame_ii_cycles" in result.stdout


def test_a_shallow_skip_is_a_deadlock_and_its_cure_cures(design_file: Path) -> None:
    stored = hass.read_design(design_file).plan.estimate
    (skip,) = (f for f in stored.fifos if f.dst == "add" and f.port == 1)
    edge = f"{skip.src}:{skip.dst}:1"
    found = run_json("sim", design_file, "--fifo", f"{edge}=2")
    deadlock = found["deadlock"]
    assert isinstance(deadlock, dict)
    assert found["simulated_frame_ii_cycles"] is None
    assert found["relative_error"] is None
    assert [(f["src"], f["dst"]) for f in deadlock["full_fifos"]] == [(skip.src, "add")]
    assert {item["layer"] for item in deadlock["ring"]} >= {skip.src, "add"}
    assert 0 < deadlock["cycle"] < stored.latency_cycles
    (cure,) = found["cure"]  # type: ignore[misc]
    assert (cure["src"], cure["dst"]) == (skip.src, "add")
    depth = cure["depth"]
    assert run_json("sim", design_file, "--fifo", f"{edge}={depth}")["deadlock"] is None
    assert run_json("sim", design_file, "--fifo", f"{edge}={depth - 1}")["deadlock"] is not None


def test_sizes_keep_the_frame_ii(design_file: Path) -> None:
    found = run_json("sim", design_file, "--size-fifos", "--fifo", "conv1:relu1=40")
    assert found["sized_frame_ii_cycles"] == found["simulated_frame_ii_cycles"]
    sizes = found["sizes"]
    assert isinstance(sizes, list)
    (grown,) = (size for size in sizes if size["depth"] == 40)
    assert grown["needed"] < 40
    assert found["saved"]["lut"] > 0  # type: ignore[index,call-overload]


def test_sized_fifos_are_written_and_paid_for(design_file: Path, tmp_path: Path) -> None:
    sized = tmp_path / "sized.json"
    found = run_json("sim", design_file, "--size-fifos", "-o", sized)
    before, after = hass.read_design(design_file), hass.read_design(sized)
    depths = {(f.src, f.dst, f.port): f.depth_words for f in after.plan.estimate.fifos}
    wanted = found["sizes"]
    assert isinstance(wanted, list)
    assert depths == {(s["src"], s["dst"], s["port"]): s["needed"] for s in wanted}
    saved = before.summary.resources.lut - after.summary.resources.lut
    assert saved == found["saved"]["lut"] > 0  # type: ignore[index,call-overload]
    again = run_json("sim", sized)
    assert again["simulated_frame_ii_cycles"] == found["simulated_frame_ii_cycles"]


def test_a_design_is_not_written_for_nothing(design_file: Path, tmp_path: Path) -> None:
    assert run("sim", design_file, "-o", tmp_path / "same.json").exit_code == 2


@pytest.mark.parametrize("text", ["conv1", "conv1:nowhere=4", "conv1:relu1=0"])
def test_a_bad_fifo_is_refused(design_file: Path, text: str) -> None:
    result = run("sim", design_file, "--fifo", text)
    assert result.exit_code == 2
    assert "--fifo" in result.stderr


def test_trace_needs_a_profile(design_file: Path) -> None:
    assert run("sim", design_file, "--trace", "nowhere").exit_code == 2


def test_a_sparse_design_is_simulated_from_its_profile_and_from_images(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    profile, design = tmp_path / "profile.json", tmp_path / "design.json"
    assert run("profile", tiny_model, "--data", tiny_data, "-o", profile).exit_code == 0
    folding = ("fold", tiny_model, "--device", "pynq-z2", "--profile", profile, "-o", design)
    assert run(*folding).exit_code == 0
    assert run("sim", design).exit_code == 4  # made from a profile
    for extra in ((), ("--trace", tiny_data)):
        found = run_json("sim", design, "--profile", profile, *extra)
        assert found["deadlock"] is None
        assert abs(float(found["relative_error"])) < 0.1  # type: ignore[arg-type]


def test_progress_counts_up_and_may_stop_the_run(design_file: Path, tiny_model: Path) -> None:
    design = hass.read_design(design_file)
    graph = hass.read_model(tiny_model).graph
    seen: list[tuple[int, int]] = []
    simulate(graph, design.plan.estimate, progress=lambda *at: seen.append(at))
    done, total = seen[-1]
    assert done == total > 0

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(graph, design.plan.estimate, progress=stop)


def test_the_bundled_network_is_as_fast_as_modelled() -> None:
    path = Path(hass.__file__).parent.parent / "models" / "digits" / "digits.onnx"
    design = _folded(path, "zcu104")
    result = simulate(hass.read_model(path).graph, design.plan.estimate, Setup())
    assert result.simulated_frame_ii_cycles == result.modelled_frame_ii_cycles


@pytest.mark.skipif(DATA_DIR is None, reason="HASS_DATA_DIR names no folder with real networks")
@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("cifar10/resnet20.onnx", "zcu104"),
        ("cifar10/resnet20.onnx", "u250"),
        ("cifar10/resnet56.onnx", "u250"),
        ("cifar10/mlperftiny_resnet.onnx", "zcu104"),
        ("kws/dscnn.onnx", "zcu104"),
        ("imagenet/squeezenet1.1.onnx", "u250"),
        ("imagenet/mobilenetv3_small.onnx", "u250"),
    ],
)
def test_a_dense_design_is_as_fast_as_modelled(name: str, device: str) -> None:
    path = Path(str(DATA_DIR)) / name
    design = _folded(path, device)
    result = simulate(hass.read_model(path).graph, design.plan.estimate)
    assert result.deadlock is None
    assert result.simulated_frame_ii_cycles == result.modelled_frame_ii_cycles
    # 1.1 % at worst over all networks and parts of docs/fidelity.md
    assert result.first_frame_cycles == pytest.approx(result.modelled_latency_cycles, rel=0.02)
