"""A few of the fuzzer's inputs, and those that once found something. ``make fuzz`` runs many."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from fuzz_bombs import BOMBS
from fuzz_cases import case_of
from fuzz_run import Child, outcomes
from onnx import helper, numpy_helper
from onnx_models import ModelMaker

from hass.errors import GraphError, SpecError, UnsupportedOpError
from hass.onnx_io import read_model
from hass.shapes import MOST_FRAME_WORDS

INPUTS = 200
SEED = 20


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    started = Child(tmp_path_factory.mktemp("child"))
    yield started
    started.close()


def test_fuzzed_files_are_read_or_refused(tmp_path: Path) -> None:
    failed = {
        f"{SEED}-{number} {case.name}": outcome.faults
        for number, case, outcome in outcomes(SEED, range(INPUTS), tmp_path)
        if outcome.faults
    }
    assert failed == {}


@pytest.mark.parametrize("bomb", BOMBS)
def test_small_files_that_ask_for_much(bomb: object, child: Child, tmp_path: Path) -> None:
    assert callable(bomb)
    path = tmp_path / "bomb.onnx"
    for seed in range(4):
        path.write_bytes(bomb(np.random.default_rng(seed)).SerializeToString())
        assert child.run("import", str(path)).faults == ()


def test_case_follows_from_seed_and_number() -> None:
    assert case_of(1, 5) == case_of(1, 5)
    assert case_of(1, 5) != case_of(2, 5)


def test_fuzzer_sees_what_must_not_be(child: Child, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    outcome = child.run("import", str(tmp_path / "none.onnx"), "-o", str(folder))
    assert outcome.code == 6  # cannot write: no code of an import
    assert outcome.faults


def _refused(maker: ModelMaker, tmp_path: Path) -> str:
    with pytest.raises(UnsupportedOpError) as caught:
        read_model(maker.save(tmp_path))
    return str(caught.value)


def test_constants_are_not_made_without_bound(tmp_path: Path) -> None:
    maker = ModelMaker()
    wide = maker.node("ConstantOfShape", maker.integers(1, 100_000))
    tall = maker.node("ConstantOfShape", maker.integers(100_000, 1))
    maker.node("Add", "x", maker.node("Mul", wide, tall))
    assert "makes 10000000000 values" in _refused(maker, tmp_path)
    maker = ModelMaker()
    made = maker.node("ConstantOfShape", maker.integers(3, 1 << 20))
    for _ in range(7):
        made = maker.node("Concat", made, made, axis=1)
    maker.node("Add", "x", made)
    assert "all constants of a file may have" in _refused(maker, tmp_path)


def test_a_constant_of_one_value_takes_no_memory(tmp_path: Path) -> None:
    maker = ModelMaker((1, 1, 1))
    one = numpy_helper.from_array(np.ones(1, np.float32))
    row = maker.node("ConstantOfShape", maker.integers(1, 1, 1, 150_000_000), value=one)
    part = maker.node("Slice", row, maker.integers(0), maker.integers(1), maker.integers(3))
    maker.node("Relu", maker.node("Add", "x", part))
    path = maker.save(tmp_path)
    tracemalloc.start()
    try:
        assert len(read_model(path).graph.convs) == 1
        assert tracemalloc.get_traced_memory()[1] < 10_000_000  # of 600,000,000 bytes
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [np.complex64, np.float32, np.bool_])
def test_shapes_are_integers(kind: type, tmp_path: Path) -> None:
    maker = ModelMaker((3, 7, 5))
    shape = maker.constant([3, 1, 1], kind)
    maker.node("Add", "x", maker.node("ConstantOfShape", shape))
    assert "expected integers" in _refused(maker, tmp_path)


def test_weights_that_many_layers_share_are_counted(tmp_path: Path) -> None:
    maker = ModelMaker((256, 1, 1))
    weight, x = maker.random(256, 256, 3, 3), "x"
    for _ in range(300):
        x = maker.node("Conv", x, weight, pads=[1, 1, 1, 1])
    with pytest.raises(GraphError, match="of 589824 values that the file holds"):
        read_model(maker.save(tmp_path))


@pytest.mark.parametrize(
    ("shape", "batch"), [((1 << 29, 1, 1), 1), ((3, 1 << 20, 1 << 20), 1), ((3, 9, 9), 1 << 40)]
)
def test_frames_of_absurd_size_are_refused(
    shape: tuple[int, ...], batch: int, tmp_path: Path
) -> None:
    maker = ModelMaker(shape, batch=batch)
    maker.node("Relu", "x")
    with pytest.raises(GraphError, match=f"expected at most {MOST_FRAME_WORDS} words"):
        read_model(maker.save(tmp_path))


def test_maps_of_absurd_size_are_refused_on_the_way(tmp_path: Path) -> None:
    maker = ModelMaker((3, 9, 9))
    maker.node("Pad", "x", maker.integers(0, 0, 0, 0, 0, 0, 1 << 40, 0))
    with pytest.raises(GraphError, match=f"expected at most {MOST_FRAME_WORDS} words"):
        read_model(maker.save(tmp_path))


def test_text_that_is_not_utf8_is_damage(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.node("Relu", "x", name="damaged")
    path = maker.save(tmp_path)
    for part in (b"damaged", b"Relu"):
        content = maker.model().SerializeToString()
        path.write_bytes(content.replace(part, b"\xff" + part[1:]))
        with pytest.raises(SpecError, match="not UTF-8"):
            read_model(path)
    maker.constant(1.0)
    content = maker.model().SerializeToString()
    path.write_bytes(content.replace(b"k0", b"\xff0"))
    with pytest.raises(SpecError, match=r"TensorProto\.name that is not UTF-8"):
        read_model(path)


def test_arithmetic_that_overflows_says_nothing(child: Child, tmp_path: Path) -> None:
    maker = ModelMaker((1, 1, 1))
    maker.node("Gemm", maker.node("Flatten", "x"), maker.random(1, 2), maker.constant([np.inf, 0]))
    maker.nodes[-1].attribute.append(helper.make_attribute("beta", 0.0))
    outcome = child.run("import", str(maker.save(tmp_path)))
    assert outcome.code == 4
    assert outcome.faults == ()


def test_outputs_that_are_not_finite_prove_nothing(child: Child, tmp_path: Path) -> None:
    maker = ModelMaker((3, 7, 5))
    x = "x"
    for _ in range(2):
        x = maker.node("Conv", x, maker.constant(np.full((3, 3, 1, 1), 3e38)))
    outcome = child.run("import", str(maker.save(tmp_path)))
    assert outcome.code == 4
    assert "values that are not finite" in outcome.text
    assert outcome.faults == ()
    assert onnx.load(tmp_path / "model.onnx").graph.node
