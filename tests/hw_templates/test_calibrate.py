"""The shipped coefficients against real synthesis: the committed table, and yosys where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hass.cli import main
from hass.cost.foldings import EngineKind, Folding, MemoryKind, as_arrays
from hass.cost.ops import conv
from hass.cost.primitives import clog2, counter
from hass.errors import SpecError
from hass.hw_templates import calibrate
from hass.hw_templates.calibrate import FITS, Block, Point, Row, SynthesisFamily
from hass.hw_templates.calibrate.yosys import counted
from hass.ops import Conv2d
from hass.values import Arithmetic

ROOT = Path(__file__).parents[2]
REFRESH = (
    "run: hass calibrate --synthesise hw_templates/calibrate/synthesis.csv --page docs/fidelity.md"
)
# (median, worst) relative error of each point by a fit to all others, as coefficients.toml and
# docs/fidelity.md state them. The worst LUT errors are multiplexers of 5, 7 and 25 words, of which
# yosys makes more LUTs than their share of 4:1 multiplexers.
STATED = {
    ("dynamic_engine", "lut"): (0.09, 0.25),
    ("dynamic_engine", "ff"): (0.02, 0.06),
    ("dense_engine", "lut"): (0.06, 0.34),
    ("dense_engine", "ff"): (0.03, 0.12),
}
HALF_MEDIAN = 0.12  # of a fit to every other point, judged by the rest


@pytest.fixture(scope="module")
def rows() -> tuple[Row, ...]:
    return calibrate.shipped_rows()


def test_the_table_is_whole_and_of_this_rtl(rows: tuple[Row, ...]) -> None:
    points = {row.point for row in rows}
    assert points == set(calibrate.grid()), REFRESH
    digests = {block: calibrate.rtl_digest(block) for block in Block}
    stale = {str(row.point.block) for row in rows if row.rtl != digests[row.point.block]}
    assert not stale, f"the RTL has changed since it was synthesised; {REFRESH}"


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: f"{fit.section}-{fit.resource}")
def test_shipped_coefficients_reproduce_the_table(
    rows: tuple[Row, ...], fit: calibrate.Fit
) -> None:
    own = calibrate.rows_of(fit, rows)
    said = np.array([getattr(calibrate.modelled(row.point), fit.resource) for row in own])
    found = calibrate.measured(fit, own)
    errors = np.maximum(np.abs(said - found) - 1, 0) / found  # the model rounds up
    median, worst = STATED[fit.section, fit.resource]
    assert np.median(errors) <= median
    assert errors.max() <= worst
    assert said.min() > 0


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: f"{fit.section}-{fit.resource}")
def test_a_fit_to_some_points_foretells_the_others(
    rows: tuple[Row, ...], fit: calibrate.Fit
) -> None:
    own = calibrate.rows_of(fit, sorted(rows, key=lambda row: row.point))
    result = calibrate.fitted(fit, own[::2])
    assert result.coefficients.min() >= 0.0, "no coefficient takes away"
    points = [row.point for row in own]
    foretold = fit.foretold(points[1::2], result.coefficients)
    errors = np.abs(foretold / calibrate.measured(fit, own[1::2]) - 1.0)
    assert np.median(errors) <= HALF_MEDIAN
    whole = calibrate.fitted(fit, rows)
    median, worst = STATED[fit.section, fit.resource]
    assert whole.median_error <= median
    assert whole.worst_error <= worst
    shipped, refit = fit.foretold(points, fit.shipped()), fit.foretold(points, whole.coefficients)
    np.testing.assert_allclose(shipped, refit, rtol=0.01, err_msg=REFRESH)


def test_memories_and_multipliers_are_exact(rows: tuple[Row, ...]) -> None:
    off = []
    for row in rows:
        said, found = calibrate.modelled(row.point), row.counts
        if said.bram18 != found.bram18 or said.uram != found.uram:
            off.append(f"{row.point.block} {row.point.text()}")
    assert off == KNOWN_OFF
    engines = [row for row in rows if row.counts.dsp]
    assert len(engines) > 50
    assert all(row.counts.dsp == row.point["N"] for row in engines)


# yosys serves 2304 x 128 from columns of several widths, one BRAM18 less than the best single
# width; and puts four 16-bit words beside each other into an UltraRAM's 72 bits.
KNOWN_OFF = [
    "memory DEPTH=2304 WIDTH=128 ULTRA=0",
    "memory DEPTH=16384 WIDTH=16 ULTRA=1",
]


@pytest.mark.parametrize("engine", [EngineKind.DENSE, EngineKind.DYNAMIC])
@pytest.mark.parametrize(("packed", "fine", "bits"), [(1, 1, 16), (1, 3, 8), (4, 4, 16), (2, 9, 8)])
def test_the_model_charges_what_is_fitted(
    engine: EngineKind, packed: int, fine: int, bits: int
) -> None:
    """The formulas of hass.cost and those of the fits are the same."""
    folding = Folding(
        engine=engine, fine=fine, packed=packed, weight_memory=MemoryKind.BRAM, lane_fifo_depth=1
    )
    op, foldings = Conv2d(4, (3, 3)), as_arrays([folding])
    arithmetic = Arithmetic(act_bits=bits, weight_bits=bits)
    block = Block.DENSE if engine is EngineKind.DENSE else Block.DYNAMIC
    sizes = (("M", 9 * packed), ("N", fine), ("ACT_BITS", bits), ("WEIGHT_BITS", bits))
    said = calibrate.modelled(Point(block, SynthesisFamily.SERIES7, sizes))
    if engine is EngineKind.DENSE:
        charged = conv._dense_engine(op, foldings, arithmetic)
    else:
        charged = conv._dynamic_engine(op, foldings, arithmetic)
    assert (said.lut, said.ff) == (int(charged.lut[0]), int(charged.ff[0]))


@pytest.mark.skipif(
    calibrate.yosys_version() is None,
    reason="yosys is not installed: nothing is synthesised here (apt-get install yosys)",
)
@pytest.mark.parametrize("block", [Block.DYNAMIC, Block.MEMORY])
def test_synthesis_gives_what_the_table_says(rows: tuple[Row, ...], block: Block) -> None:
    old = next(row for row in rows if row.point.block is block)
    new = calibrate.synthesise(old.point)
    assert new.rtl == old.rtl
    if new.version == old.version:
        assert new.counts == old.counts
    else:  # another mapper: the same multipliers and memories, about the same logic
        assert (new.counts.dsp, new.counts.bram18) == (old.counts.dsp, old.counts.bram18)
        assert new.counts.lut == pytest.approx(old.counts.lut, rel=0.25)


def test_the_table_survives_a_killed_writer(rows: tuple[Row, ...], tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    assert calibrate.read_rows(path) == ()
    for row in rows[:3]:
        calibrate.append_row(path, row)
    assert calibrate.read_rows(path) == rows[:3]
    with path.open("a", encoding="utf-8") as file:
        file.write("dense_engine,xc7,M=9 N=")
    assert calibrate.read_rows(path) == rows[:3]
    calibrate.append_row(path, rows[3])
    calibrate.append_row(path, rows[0])  # once more: the later one counts
    assert set(calibrate.read_rows(path)) == set(rows[:4])
    calibrate.sort_file(path)
    assert path.read_text(encoding="utf-8").count("\n") == 5
    assert [row.point for row in calibrate.read_rows(path)] == sorted(row.point for row in rows[:4])


@pytest.mark.parametrize("text", ["a,b\n", "", "x,xc7,M=1,1,1,1,1,1,t,v,d,r\n", "fifo,xc7\n"])
def test_a_wrong_table_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    header = "block,family,parameters,lut,ff,dsp,bram18,uram,tool,version,date,rtl\n"
    path.write_text(text if text == "a,b\n" else header + text, encoding="utf-8")
    if not text:
        assert calibrate.read_rows(path) == ()
        return
    with pytest.raises(SpecError, match=r"table\.csv:"):
        calibrate.read_rows(path)


def test_a_cell_of_unknown_cost_is_refused() -> None:
    assert counted({"LUT6": 3, "RAM32M": 2, "RAMB36E2": 1, "INV": 5}).lut == 11
    with pytest.raises(SpecError, match="LUT7"):
        counted({"LUT6": 3, "LUT7": 1})


def test_the_page_is_what_the_command_makes(rows: tuple[Row, ...], tmp_path: Path) -> None:
    page = tmp_path / "fidelity.md"
    page.write_text("# Ours\n\nkept\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["calibrate", "--page", str(page)])
    assert done.exit_code == 0, done.output
    assert "dynamic_engine" in done.stdout
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Ours\n\nkept\n")
    again = CliRunner().invoke(main, ["calibrate", "--page", str(page)])
    assert again.exit_code == 0
    assert page.read_text(encoding="utf-8") == text
    shipped = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
    assert calibrate.fidelity_page(rows) in shipped, REFRESH


def test_counters_are_the_models() -> None:
    """A dense engine's count of its turns is charged once."""
    sizes = (("M", 9), ("N", 1), ("ACT_BITS", 16), ("WEIGHT_BITS", 16))
    point = Point(Block.DENSE, SynthesisFamily.SERIES7, sizes)
    (fit,) = (fit for fit in FITS if Block.DENSE in fit.blocks and fit.resource == "lut")
    bare = int(np.ceil((fit.matrix([point]) @ fit.shipped())[0] - 1e-9))
    assert calibrate.modelled(point).lut == bare + int(counter(clog2(9)).lut)
