"""Exact integer arithmetic shared by all layers."""

from __future__ import annotations

from functools import lru_cache


def ceil_div(numerator: int, denominator: int) -> int:
    """Smallest integer not below ``numerator / denominator``.

    >>> ceil_div(9, 4), ceil_div(8, 4), ceil_div(0, 4)
    (3, 2, 0)
    """
    return -(-numerator // denominator)


@lru_cache(maxsize=4096)
def divisors(value: int) -> tuple[int, ...]:
    """All positive divisors, ascending.

    Raises:
        ValueError: if ``value`` is below 1.

    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    if value < 1:
        raise ValueError(f"divisors of {value}: expected at least 1")
    low: list[int] = []
    high: list[int] = []
    candidate = 1
    while candidate * candidate <= value:
        if value % candidate == 0:
            low.append(candidate)
            if candidate * candidate != value:
                high.append(value // candidate)
        candidate += 1
    return tuple(low + high[::-1])
