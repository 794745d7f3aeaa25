"""Numbers and names as a reader wants them."""

from __future__ import annotations

from math import isfinite, sqrt

from ..sparsity import Accuracy

ABSENT = "–"


def shown(name: str) -> str:
    """A name from a file with everything that does not print (control characters, direction
    overrides, lone surrogates) replaced: such characters break XML or mislead the reader."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)


def short(name: str, length: int = 28) -> str:
    """At most ``length`` characters of a name: its head and, because layers differ there, more of
    its tail.

    >>> short("features.denseblock3.denselayer12.conv2", 20)
    'feature…ayer12.conv2'
    """
    name = shown(name)
    if len(name) <= length:
        return name
    head = (length - 1) * 2 // 5
    tail = length - 1 - head
    return f"{name[:head]}…{name[-tail:]}"


def number(value: float | None, digits: int = 4) -> str:
    """A number with thousands separators and about ``digits`` significant digits; integers whole.

    >>> number(1234567), number(0.012345), number(12.3456), number(None)
    ('1,234,567', '0.01235', '12.35', '–')
    """
    if value is None or not isfinite(value):
        return ABSENT
    if isinstance(value, int) or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    if abs(value) < 1e-3:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{digits}g}"


def percent(share: float | None, decimals: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.4567), percent(None)
    ('45.7 %', '–')
    """
    if share is None or not isfinite(share):
        return ABSENT
    return f"{100 * share:.{decimals}f} %"


def ratio(value: float | None, base: float | None) -> str:
    """``value`` as a multiple of ``base``.

    >>> ratio(3.0, 2.0), ratio(1.0, None)
    ('1.50×', '–')
    """
    if value is None or base is None or base == 0:
        return ABSENT
    return f"{value / base:.2f}×"


def standard_error(accuracy: Accuracy) -> float:
    """Standard error of a top-1 measured on a sample of images (binomial)."""
    return sqrt(accuracy.top1 * (1 - accuracy.top1) / accuracy.images)


def top1(accuracy: Accuracy | None) -> str:
    """Top-1 with its sample: ``91.20 % ± 1.27 (456 of 500)``."""
    if accuracy is None:
        return ABSENT
    return (
        f"{100 * accuracy.top1:.2f} % ± {100 * standard_error(accuracy):.2f} "
        f"({accuracy.correct:,} of {accuracy.images:,})"
    )
