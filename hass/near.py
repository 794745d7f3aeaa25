"""What the user may have meant: names and files that are spelt nearly so."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

from .errors import SpecError

NAMES_SHOWN = 12
MOST_FILES = 2000  # of a folder that are looked at


def near_names(name: str, known: Collection[str], *, cutoff: float = 0.5) -> str:
    """``did you mean zcu104 or zcu102?`` by the nearest of some names; empty if none is near.

    Args:
        name: as it was given; upper and lower case are the same.
        known: all that there are.
        cutoff: how much must agree, 0..1, as ``difflib`` measures it.
    """
    spelt = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), spelt, n=3, cutoff=cutoff)
    return f"did you mean {' or '.join(spelt[one] for one in near)}?" if near else ""


def nearest_or_all(name: str, known: Collection[str], *, cutoff: float = 0.5) -> str:
    """The nearest names, or else the first few of all.

    >>> nearest_or_all("dps", ("dsp", "lut"), cutoff=0.6)
    'did you mean dsp?'
    >>> nearest_or_all("x", ("dsp", "lut"))
    'one of dsp, lut'
    """
    hint = near_names(name, known, cutoff=cutoff)
    if hint:
        return hint
    shown = ", ".join(list(known)[:NAMES_SHOWN])
    more = len(known) - NAMES_SHOWN
    return f"one of {shown}{f' and {more} more' if more > 0 else ''}"


def near_files(path: Path) -> str:
    """Like ``near_names``, among what lies beside a path that leads nowhere; or which of its
    folders there is not."""
    folder = path.parent
    try:
        if not folder.is_dir():
            missing = next(one for one in (folder, *folder.parents) if one.parent.is_dir())
            return f"there is no folder {missing}"
        beside = [entry.name for _, entry in zip(range(MOST_FILES), folder.iterdir(), strict=False)]
    except (OSError, ValueError, StopIteration):
        return ""
    hint = near_names(path.name, sorted(beside), cutoff=0.7)
    return hint if folder == Path() or not hint else f"{hint} (in {folder})"


def unreadable(path: Path, error: OSError | ValueError | None, expected: str) -> SpecError:
    """The error for a file that cannot be read; with what may have been meant if it is missing."""
    if isinstance(error, UnicodeDecodeError):
        return SpecError.at(path, "no text", expected)
    if error is not None and not isinstance(error, FileNotFoundError):
        return SpecError.at(path, getattr(error, "strerror", None) or str(error), expected)
    hint = near_files(path)
    return SpecError.at(path, "no such file", f"{expected}; {hint}" if hint else expected)
