"""The table of synthesis results: a CSV of one row a point, appended to while synthesis runs."""

from __future__ import annotations

import csv
import fcntl
import io
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from hass.errors import OutputError, SpecError
from hass.files import write_text_atomic

from .points import Block, Point, SynthesisFamily

COLUMNS = (
    *("block", "family", "parameters", "lut", "ff", "dsp", "bram18", "uram"),
    *("tool", "version", "date", "rtl"),
)
SHIPPED = "synthesis.csv"


@dataclass(frozen=True, slots=True)
class Counts:
    """Resources of one synthesised block. One RAMB36 is two BRAM18."""

    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int


@dataclass(frozen=True, slots=True)
class Row:
    """One synthesis: point, result, and where it comes from.

    Attributes:
        rtl: digest of the sources that the block is made of.
    """

    point: Point
    counts: Counts
    tool: str
    version: str
    date: str
    rtl: str

    def cells(self) -> tuple[str, ...]:
        """The row of the CSV."""
        counts = self.counts
        numbers = (counts.lut, counts.ff, counts.dsp, counts.bram18, counts.uram)
        head = (self.point.block.value, self.point.family.value, self.point.text())
        return (*head, *map(str, numbers), self.tool, self.version, self.date, self.rtl)


def parse_rows(text: str, path: str) -> tuple[Row, ...]:
    """Rows of a CSV; of a point that occurs twice the later one. A last line that was cut off
    while it was written is dropped.

    Raises:
        SpecError: another header, or a row that is not one.
    """
    whole = text[: text.rfind("\n") + 1]
    lines = list(csv.reader(io.StringIO(whole)))
    if not lines:
        return ()
    if tuple(lines[0]) != COLUMNS:
        raise SpecError.at(f"{path}:1", ",".join(lines[0]), ",".join(COLUMNS))
    rows: dict[Point, Row] = {}
    for number, cells in enumerate(lines[1:], start=2):
        try:
            row = _parsed(cells)
        except ValueError as mistake:
            expected = f"a row of a synthesis table ({mistake})"
            raise SpecError.at(f"{path}:{number}", ",".join(cells), expected) from None
        rows[row.point] = row
    return tuple(rows.values())


def _parsed(cells: list[str]) -> Row:
    block, family, parameters, lut, ff, dsp, bram18, uram, tool, version, date, rtl = cells
    pairs = (pair.split("=") for pair in parameters.split())
    point = Point(
        Block(block), SynthesisFamily(family), tuple((name, int(value)) for name, value in pairs)
    )
    counts = Counts(int(lut), int(ff), int(dsp), int(bram18), int(uram))
    return Row(point, counts, tool, version, date, rtl)


def read_rows(path: Path) -> tuple[Row, ...]:
    """Rows of the CSV at ``path``; none where there is no file.

    Raises:
        SpecError: not such a CSV.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError.at(path, str(error), "a readable file") from error
    return parse_rows(text, str(path))


def shipped_rows() -> tuple[Row, ...]:
    """The results that the shipped coefficients were fitted to."""
    file = resources.files(__package__) / SHIPPED
    return parse_rows(file.read_text(encoding="utf-8"), SHIPPED)


def append_row(path: Path, row: Row) -> None:
    """Add one row, and the header to an empty file. Safe while other processes append.

    Raises:
        OutputError: cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    try:
        with path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            old = file.read()
            if old and not old.endswith("\n"):  # a writer was killed in the middle of its line
                file.truncate(len(old[: old.rfind("\n") + 1].encode()))
            if "\n" not in old:
                writer.writerow(COLUMNS)
            writer.writerow(row.cells())
            file.write(text.getvalue())
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error}") from error


def sort_file(path: Path) -> None:
    """Rewrite the table in the points' order, so that two runs' files compare line by line.

    Raises:
        OutputError: cannot be written. SpecError: not such a CSV.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(row.cells() for row in sorted(read_rows(path), key=lambda row: row.point))
    write_text_atomic(path, text.getvalue())
