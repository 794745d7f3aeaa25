"""Runs ``hass import`` on fuzzed files: ``make fuzz``, or
``PYTHONPATH=tests:tests/fuzz python -m fuzz_run --inputs 10000 --seed 1``."""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fuzz_cases import Case, case_of

GOOD_CODES = frozenset({0, 2, 4})
MOST_SECONDS = 10.0  # of processor time
MOST_KIB = 2 << 20
_PATIENCE_SECONDS = 60.0  # by the clock, on a machine that is shared
_CASES_OF_A_CHILD = 400
_FRESH_KIB = 1 << 20  # a process that held more is not given the next case


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case.

    Attributes:
        code: exit code; -1 where the process died or hung.
        seconds: processor time.
        peak_kib: largest resident size.
        text: what the command printed, or what killed it.
        faults: what must not be.
    """

    code: int
    seconds: float
    peak_kib: int
    text: str
    faults: tuple[str, ...]


def _faults(answer: dict[str, object]) -> tuple[str, ...]:
    code, text = answer["code"], str(answer["text"])
    found = []
    if answer["bug"]:
        found.append(f"traceback\n{answer['bug']}")
    elif code not in GOOD_CODES:
        found.append(f"exit code {code}: {text[:300]}")
    if float(str(answer["seconds"])) > MOST_SECONDS:
        found.append(f"took {answer['seconds']} s")
    if int(str(answer["peak_kib"])) > MOST_KIB:
        found.append(f"took {answer['peak_kib']} KiB")
    strange = sorted({c for c in text if c != "\n" and not c.isprintable()})
    if strange:
        found.append(f"prints {strange}: {text[:300]!r}")
    if int(str(answer["length"])) > 500_000:
        found.append(f"prints {answer['length']} characters: {text[:300]!r}")
    return tuple(found)


class Child:
    """A process that imports, started anew when it dies or has done enough."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is where it says what killed it."""
        self._process: subprocess.Popen[str] | None = None
        self._errors = folder / "errors.txt"  # a pipe would fill
        self._done = 0

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            folder = Path(__file__).parent
            self._done = 0
            with self._errors.open("w") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, str(folder / "fuzz_child.py")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
                )
        return self._process

    def run(self, *words: str) -> Outcome:
        """Outcome of ``hass WORDS``."""
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], _PATIENCE_SECONDS)
        line = process.stdout.readline() if ready else ""
        if not line:
            process.kill()
            process.communicate()
            self._process = None
            errors = self._errors.read_text(errors="replace")
            reason = f"died ({process.returncode})" if ready else "hangs"
            return Outcome(-1, 0.0, 0, errors[-2000:], (f"{reason}\n{errors[-3000:]}",))
        self._done += 1
        answer = json.loads(line)
        if self._done >= _CASES_OF_A_CHILD or answer["peak_kib"] > _FRESH_KIB:
            self.close()
        return Outcome(
            answer["code"],
            answer["seconds"],
            answer["peak_kib"],
            answer["text"],
            _faults(answer),
        )

    def close(self) -> None:
        """Let the process end."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def outcomes(seed: int, numbers: range, folder: Path) -> Iterator[tuple[int, Case, Outcome]]:
    """Each case and what came of it."""
    child = Child(folder)
    path = folder / "case.onnx"
    try:
        for number in numbers:
            case = case_of(seed, number)
            path.write_bytes(case.content)
            yield number, case, child.run("import", str(path))
    finally:
        child.close()


def main() -> None:
    """Run, count and keep what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    options = parser.parse_args()
    codes: Counter[int] = Counter()
    failed = 0
    slowest = largest = (0.0, 0, "")
    began = time.monotonic()
    numbers = range(options.first, options.first + options.inputs)
    with tempfile.TemporaryDirectory() as folder:
        for number, case, outcome in outcomes(options.seed, numbers, Path(folder)):
            codes[outcome.code] += 1
            slowest = max(slowest, (outcome.seconds, number, case.name))
            largest = max(largest, (float(outcome.peak_kib), number, case.name))
            if outcome.faults:
                failed += 1
                print(f"#{number} {case.name}: " + "; ".join(outcome.faults), flush=True)
                if options.keep is not None:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / f"{options.seed}-{number}.onnx").write_bytes(case.content)
    print(
        f"{options.inputs} inputs, seed {options.seed}, {time.monotonic() - began:.0f} s: "
        f"{failed} failed; exit codes {dict(sorted(codes.items()))}; "
        f"slowest {slowest}; largest (KiB) {largest}"
    )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
