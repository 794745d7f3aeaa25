"""Splits of a data set, and the rules by which images get one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ..errors import Mistake

IndexArray = npt.NDArray[np.int64]
MISTAKES_SHOWN = 10  # of one kind: enough to see the pattern, few enough to read


class Split(StrEnum):
    """What an image is used for."""

    CALIBRATION = "calibration"  # profiles
    SELECTION = "selection"  # what a search optimises
    TEST = "test"  # the final report only


SHARES_PERCENT = {Split.CALIBRATION: 20, Split.SELECTION: 40, Split.TEST: 40}


def shuffled(count: int, key: str) -> IndexArray:
    """The indices 0..count-1 in an order that depends on ``key`` alone.

    Ascending by SHA-256 of ``"<key>:<index>"``, so that no version of a library can change it.
    """
    digests = [hashlib.sha256(f"{key}:{index}".encode()).digest() for index in range(count)]
    return np.array(sorted(range(count), key=digests.__getitem__), dtype=np.int64)


def seeded_splits(count: int, seed: int) -> tuple[Split, ...]:
    """A split for each of ``count`` images that carry none.

    The rule: the indices are ordered by SHA-256 of ``"split-<seed>:<index>"``; of that order the
    first 20 % are calibration, the next 40 % selection, the rest test.
    """
    order = shuffled(count, f"split-{seed}")
    result = [Split.TEST] * count
    start = 0
    for split in (Split.CALIBRATION, Split.SELECTION):
        stop = start + count * SHARES_PERCENT[split] // 100
        for index in order[start:stop]:
            result[int(index)] = split
        start = stop
    return tuple(result)


def given_splits(values: Sequence[str], where: object) -> tuple[tuple[Split, ...], list[Mistake]]:
    """Splits from their words, and the mistakes among them (with TEST in their place)."""
    known = {split.value: split for split in Split}
    wrong = [(index, value) for index, value in enumerate(values) if value not in known]
    mistakes = [
        Mistake(f"{where}: split[{index}]", repr(value), f"one of {', '.join(known)}")
        for index, value in wrong[:MISTAKES_SHOWN]
    ]
    if len(wrong) > MISTAKES_SHOWN:
        mistakes.append(Mistake(f"{where}: split", f"{len(wrong)} unknown values", "none"))
    return tuple(known.get(value, Split.TEST) for value in values), mistakes


def label_mistakes(labels: IndexArray, classes: int, where: object) -> list[Mistake]:
    """Labels outside 0..classes-1."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    expected = f"a class in 0..{classes - 1}"
    mistakes = [
        Mistake(f"{where}: labels[{index}]", str(labels[index]), expected)
        for index in wrong[:MISTAKES_SHOWN]
    ]
    if wrong.size > MISTAKES_SHOWN:
        mistakes.append(Mistake(f"{where}: labels", f"{wrong.size} outside", expected))
    return mistakes
