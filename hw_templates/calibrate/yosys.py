"""Synthesis of one point by yosys, as a program beside us."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from hass.errors import SpecError

from ..rtl_library import module_sources
from .points import Block, Point
from .table import Counts, Row

TOOL = "yosys synth_xilinx"
# LUTs that a cell occupies. SRLs and LUTRAM lie in LUTs too (UG474, UG574); an inverter moves into
# the LUT or the register that it feeds.
_LUTS: Mapping[str, int] = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32M16": 8,
    "RAM64M8": 8,
    "RAM256X1D": 8,
}
_FFS = {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1}
_DSPS = {"DSP48E1": 1, "DSP48E2": 1}
_BRAM18S = {"RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2}
_URAMS = {"URAM288": 1}
_FREE = {"INV", "CARRY4", "CARRY8", "MUXF7", "MUXF8", "MUXF9", "BUFG", "GND", "VCC"}


@cache
def rtl_digest(block: Block) -> str:
    """12 hexadecimal digits over the block's sources without comments and layout, so that rows of
    a table can be told from those of another RTL."""
    code = ""
    for path in module_sources(block.module):
        code += re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
    return hashlib.sha256(" ".join(code.split()).encode()).hexdigest()[:12]


@cache
def yosys_version() -> str | None:
    """``0.23``; None where yosys is not installed."""
    if shutil.which("yosys") is None:
        return None
    done = subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return words[1] if done.returncode == 0 and len(words) > 1 else None


def counted(cells: Mapping[str, int]) -> Counts:
    """Resources of a netlist's cells.

    Raises:
        SpecError: a kind of cell that is not known here, so that nothing is silently free.
    """
    known = {**_LUTS, **_FFS, **_DSPS, **_BRAM18S, **_URAMS}
    unknown = sorted(set(cells) - set(known) - _FREE)
    if unknown:
        raise SpecError.at("netlist", ", ".join(unknown), "cells whose cost is known")
    totals = [
        sum(costs.get(kind, 0) * number for kind, number in cells.items())
        for costs in (_LUTS, _FFS, _DSPS, _BRAM18S, _URAMS)
    ]
    return Counts(*totals)


def synthesis_script(point: Point) -> str:
    """Commands of yosys that make a block's netlist."""
    module = point.block.module
    parameters = " ".join(f"-set {name} {value}" for name, value in point.parameters)
    sources = " ".join(f'"{path}"' for path in module_sources(module))
    return (
        f"read_verilog -sv {sources}; chparam {parameters} {module}; "
        f"synth_xilinx -family {point.family} -top {module} -flatten -noiopad -noclkbuf"
    )


def synthesise(point: Point) -> Row:
    """Synthesise a block alone: no pads, no clock buffers, hierarchy dissolved.

    Raises:
        SpecError: yosys is missing, refuses the source, or leaves cells of unknown cost.
    """
    version = yosys_version()
    if version is None:
        raise SpecError.at("yosys", None, "a yosys on the PATH (Debian: apt-get install yosys)")
    with tempfile.TemporaryDirectory(prefix="hass-yosys-") as folder:
        report = Path(folder) / "stat.json"
        script = f"{synthesis_script(point)}; tee -q -o {report} stat -json"
        done = subprocess.run(
            ["yosys", "-q", "-p", script], capture_output=True, text=True, check=False, cwd=folder
        )
        if done.returncode != 0:
            said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
            where = f"yosys on {point.block.module} {point.text()}"
            raise SpecError.at(where, said, "a netlist")
        text = report.read_text(encoding="utf-8")
    cells = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    date = datetime.now(tz=UTC).date().isoformat()
    return Row(point, counted(cells), TOOL, version, date, rtl_digest(point.block))
