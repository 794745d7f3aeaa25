"""Netlists of the engines, simulated: what is counted in the table computes the right sums.

yosys can lose things without a word (the upper bits of a sum, a stage of a delay), and a netlist
that lacks them costs less.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import rtl_bench as bench
from test_rtl_engines import (
    BROADCAST,
    DENSE,
    DYNAMIC,
    PAIR,
    SEGMENTS,
    STATIC,
    Case,
    Engine,
    check_sums,
    drawn,
)

from hass.hw_templates.calibrate import Block, Point, SynthesisFamily
from hass.hw_templates.calibrate.yosys import synthesis_script


def _cells() -> Path | None:
    """The simulation models of the cells that yosys maps to."""
    yosys = shutil.which("yosys")
    path = Path(yosys).parents[1] / "share/yosys/xilinx/cells_sim.v" if yosys else None
    return path if path and path.exists() else None


needs_cells = pytest.mark.skipif(
    _cells() is None,
    reason="yosys is not installed: no netlist is simulated (apt-get install yosys)",
)


def _netlist(folder: Path, point: Point) -> Path:
    """The block's netlist, with the parameters that the bench sets, which it has no use for."""
    path = folder / "netlist.v"
    module = point.block.module
    script = f"{synthesis_script(point)}; rename -top {module}; write_verilog -noattr {path}"
    subprocess.run(["yosys", "-q", "-p", script], check=True, capture_output=True)
    names = ", ".join(f"parameter {name} = {value}" for name, value in point.parameters)
    text = path.read_text(encoding="utf-8")
    head = f"module {module} #({names}, parameter ACC_BITS = 32)("
    path.write_text(re.sub(rf"module {module}\(", head, text, count=1), encoding="utf-8")
    return path


# Few bits, so that sums are narrower than accumulators; N that delays operands. The pair's filters
# lie as far apart as a DSP48E1 has room for, which holds four products of six bits.
@pytest.mark.parametrize(
    ("engine", "block", "case", "shift"),
    [
        (DENSE, Block.DENSE, Case(9, 3, 8, 8), {}),
        (STATIC, Block.STATIC, Case(9, 5, 8, 6), {}),
        (DYNAMIC, Block.DYNAMIC, Case(9, 2, 8, 8), {}),
        (BROADCAST, Block.BROADCAST, Case(9, 1, 8, 8), {"OUTS": 3, "SEGMENTS": SEGMENTS}),
        (PAIR, Block.PAIR, Case(8, 4, 6, 6), {"SHIFT": 16}),
    ],
    ids=["dense", "static", "dynamic", "broadcast", "pair"],
)
@needs_cells
@bench.needs_iverilog
def test_a_netlist_computes_what_its_source_does(
    engine: Engine, block: Block, case: Case, shift: dict[str, int], tmp_path: Path
) -> None:
    segments = drawn(case, engine)
    stimulus = engine.stimulus(case, segments)
    sizes = tuple({**case.parameters(), **shift}.items())
    if block is Block.BROADCAST:  # it has no N
        sizes = tuple((name, size) for name, size in sizes if name != "N")
    netlist = _netlist(tmp_path, Point(block, SynthesisFamily.SERIES7, sizes))
    cells = _cells()
    assert cells is not None
    sources = (netlist, cells)
    program = bench.compiled(tmp_path, engine.block, stimulus, engine.parameters(case), sources)
    # flowing: yosys 0.23 leaves clock enables of delays in LUTs unconnected, which cost nothing
    check_sums(bench.run(program, stimulus, bench.FLOWING), segments.sums())
