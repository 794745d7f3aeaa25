"""The process that imports: a path a line on stdin, what came of it a line of JSON.

``hass import`` runs in it again and again, under limits of memory, with warnings as errors.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

from click.testing import CliRunner

from hass.cli import main

ADDRESS_SPACE_BYTES = 4 << 30  # libraries and the stacks of threads count, without using memory
_STATUS = Path("/proc/self/status")


def _peak_kib() -> int:
    """Largest resident size since ``clear_refs`` was written."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def imported(words: list[str]) -> dict[str, object]:
    """One run of the command in this process."""
    Path("/proc/self/clear_refs").write_text("5")
    began = time.process_time()
    result = CliRunner().invoke(main, words)
    error = result.exception
    bug = error is not None and not isinstance(error, SystemExit)
    if bug and result.exc_info is not None:
        import traceback

        bug_text = "".join(traceback.format_exception(*result.exc_info))[-3000:]
    else:
        bug_text = ""
    return {
        "code": result.exit_code,
        "seconds": time.process_time() - began,
        "peak_kib": _peak_kib(),
        "text": (result.stdout + result.stderr)[:20_000],
        "length": len(result.stdout) + len(result.stderr),
        "bug": bug_text,
    }


def serve() -> None:
    """Answer until stdin ends."""
    faulthandler.enable()
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        print(json.dumps(imported(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve()
