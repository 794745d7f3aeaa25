"""The zoo: every network of a list through hass's own verbs, each step within limits."""

from __future__ import annotations

import json
import math
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import onnx
import pydantic

from hass.files import write_text_atomic
from hass.validation import StrictRecord

from .zoo_probe import Finding

_GIB = 1 << 30
_PATIENCE = 20  # so many times its processor time may a step take on the clock
_HASS = "from hass.cli import main; main()"
_LIGHT = Path("backend") / "test" / "data" / "light"  # in the onnx package


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each step of each network: seconds of processor time, and GiB of address space."""

    seconds: float
    memory_gib: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A network of the zoo.

    Attributes:
        name: in the table.
        frame: its input's shape, as text.
        parameters, macs: of its definition; None where there is none.
        write: makes its ONNX file at a path.
        write_newer: the same by torch's newer exporter; None where there is no such file.
    """

    name: str
    frame: str
    parameters: int | None
    macs: int | None
    write: Callable[[Path], None]
    write_newer: Callable[[Path], None] | None = None


class Row(StrictRecord):
    """A line of the table.

    Attributes:
        key: what the row was made with; one of another key is made anew.
        name, frame, parameters, macs: of the entry.
        finding: of its file.
        newer: of the file of torch's newer exporter: ``same``, or what is different.
        simulated: of the dense design: ``equal``, or what is not.
    """

    key: str
    name: str
    frame: str
    parameters: int | None
    macs: int | None
    finding: Finding
    newer: str
    simulated: str


@dataclass(frozen=True, slots=True)
class _Done:
    """A process that ended, or was ended (code None)."""

    code: int | None
    stdout: str
    stderr: str

    @property
    def why(self) -> str:
        """What ended it, or the last thing it said."""
        if self.code is not None and self.code < 0:
            return f"ended by {signal.Signals(-self.code).name}"
        return (self.stderr.strip().splitlines() or ["ended without a word"])[-1]


def run_within(words: list[str], limits: Limits) -> _Done:
    """Run hass in a process of its own, and end it where it exceeds the limits."""
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        size = int(limits.memory_gib * _GIB)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (size, size))
        seconds = math.ceil(limits.seconds)
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
        stdout, stderr = process.communicate(timeout=_PATIENCE * seconds)
        ended = process.returncode == -signal.SIGXCPU
        return _Done(None if ended else process.returncode, stdout, stderr)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        return _Done(None, stdout, stderr)
    except BaseException:  # Ctrl-C: the child does not outlive us
        process.kill()
        process.wait()
        raise


def _probed(file: Path, options: list[str], limits: Limits) -> Finding:
    done = run_within(["-m", "hass.models.zoo_probe", str(file), *options], limits)
    if done.code is None:
        return Finding(refused=(f"takes more than {limits.seconds:g} s",))
    try:
        return Finding.model_validate_json(done.stdout)
    except pydantic.ValidationError:
        return Finding(refused=(done.why,))


def _simulated(design: Path, limits: Limits) -> str:
    words = ["-c", _HASS, "sim", str(design), "--frames", "2", "--json"]
    done = run_within(words, limits)
    if "deadlock" in done.stderr:
        return "deadlock"
    if done.code is None:
        return f"takes more than {limits.seconds:g} s"
    if done.code != 0:
        return done.why
    result = json.loads(done.stdout)
    modelled, simulated = (
        float(result[f"{kind}_frame_ii_cycles"]) for kind in ("modelled", "simulated")
    )
    if simulated == modelled:
        return "equal"
    return f"{100 * (simulated / modelled - 1):+.2f} %"


def _compared(newer: Finding, older: Finding) -> str:
    """What torch's newer exporter's file is, beside the older one's."""
    if newer.refused:
        return "; ".join(newer.refused)
    same = (newer.ops, newer.layers, newer.macs) == (older.ops, older.layers, older.macs)
    return "same" if same else f"{newer.layers} layers"


def row_of(entry: Entry, key: str, device: str, limits: Limits, folder: Path) -> Row:
    """Take one network through the flow.

    Args:
        entry: the network.
        key: see ``Row``.
        device: that is folded for.
        limits: of each step.
        folder: for files, which are removed again.
    """
    file, design = folder / "network.onnx", folder / "design.json"
    try:
        entry.write(file)
        finding = _probed(file, ["--device", device, "--design", str(design)], limits)
        simulated = _simulated(design, limits) if design.exists() else "-"
        newer = "-"
        if entry.write_newer is not None:
            entry.write_newer(file)
            newer = _compared(_probed(file, [], limits), finding)
    finally:
        file.unlink(missing_ok=True)
        design.unlink(missing_ok=True)
    return Row(
        key=key,
        name=entry.name,
        frame=entry.frame,
        parameters=entry.parameters,
        macs=entry.macs,
        finding=finding,
        newer=newer,
        simulated=simulated,
    )


def kept_row(path: Path, key: str) -> Row | None:
    """A row of an earlier run; None if there is none, or it was made with something else."""
    try:
        row = Row.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, pydantic.ValidationError):
        return None
    return row if row.key == key else None


def keep_row(row: Row, path: Path) -> None:
    """Write a row for later runs."""
    write_text_atomic(path, row.model_dump_json(indent=1) + "\n")


def light_models() -> tuple[Entry, ...]:
    """The light models of the installed onnx package, whose weights are made by their graphs."""
    files = sorted((Path(onnx.__file__).parent / _LIGHT).glob("*.onnx"))
    return tuple(_light(file) for file in files)


def _light(file: Path) -> Entry:
    graph = onnx.load(file).graph
    constants = {tensor.name for tensor in graph.initializer}
    (source,) = (item for item in graph.input if item.name not in constants)
    sizes = [dim.dim_value for dim in source.type.tensor_type.shape.dim]
    frame = "x".join(map(str, sizes[1:]))
    return Entry(file.stem, frame, None, None, partial(copied, file))


def copied(source: Path, path: Path) -> None:
    """Copy a file's bytes."""
    path.write_bytes(source.read_bytes())
