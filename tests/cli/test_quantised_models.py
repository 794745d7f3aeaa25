"""Quantised models on the command line: what import says, and the word lengths of a design."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from quantised_models import QuantMaker

from hass.cli import main
from hass.design import Design
from hass.design_file import read_design
from hass.values import arithmetic_of


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three convolutions of 8 bits."""
    maker = QuantMaker((2, 6, 7))
    hidden = maker.node("Relu", maker.node("Conv", maker.qdq("x", 0.05), maker.weights(4, 2, 3, 3)))
    words = maker.qdq(hidden, 0.05, -128)
    second = maker.qdq(maker.node("Conv", words, maker.weights(4, 4, 3, 3)), 0.1)
    maker.node("Conv", second, maker.weights(3, 4, 1, 1), name="last")
    return maker.save(tmp_path_factory.mktemp("quantised"))


def _folded(model: Path, folder: Path, *flags: str) -> Design:
    path = folder / "design.json"
    words = ["fold", str(model), "--device", "zcu104", "--solver", "greedy", "-o", str(path)]
    done = CliRunner().invoke(main, [*words, *flags])
    assert done.exit_code == 0, done.output
    return read_design(path)


def test_import_says_what_was_dropped(quantised: Path) -> None:
    done = CliRunner().invoke(main, ["import", str(quantised), "--json"])
    assert done.exit_code == 0, done.output
    assert "dropped: activations are not rounded to 8 bits any more: t0" in done.stderr
    assert "in float32, without its quantisers" in done.stderr
    assert "its own types and quantisers move outputs by" in done.stderr
    shown = json.loads(done.stdout)
    assert len(shown["remarks"]) == 1
    assert 0 < shown["type_relative_error"] < 1
    bits = [layer["word_bits"] for layer in shown["layers"] if layer["op"] == "Conv2d"]
    assert bits == [8, 8, 8]


def test_a_design_has_the_words_of_the_model(quantised: Path, tmp_path: Path) -> None:
    design = _folded(quantised, tmp_path)
    assert design.arithmetic == arithmetic_of(8)
    assert not design.layer_arithmetic
    last = _folded(quantised, tmp_path, "--bits-of", "last=4")
    assert dict(last.layer_arithmetic) == {"last": arithmetic_of(4)}
    asked = _folded(quantised, tmp_path, "--bits", "16")
    assert asked.arithmetic == arithmetic_of(16)
    assert not asked.layer_arithmetic


def test_a_design_of_a_model_that_is_quantised_in_part(tmp_path: Path) -> None:
    maker = QuantMaker((2, 6, 7))
    hidden = maker.node("Conv", maker.qdq("x", 0.05), maker.weights(4, 2, 3, 3), name="narrow")
    maker.conv(maker.node("Relu", hidden), 4, 3, name="wide")
    design = _folded(maker.save(tmp_path), tmp_path)
    assert design.arithmetic == arithmetic_of(16)
    assert dict(design.layer_arithmetic) == {"narrow": arithmetic_of(8)}
