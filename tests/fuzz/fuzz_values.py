"""Values that programs stumble over."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

T = TypeVar("T")

INTEGERS = (
    *(-1, 0, 1, 2, 3, 7, 255, 256, 1000, 4096, 65_537, 1 << 20, 10**8),
    *((1 << 31) - 1, 1 << 31, 1 << 32, 1 << 40, (1 << 62) + 1, (1 << 63) - 1, -(1 << 31)),
    *(-(1 << 63), -2, -7),
)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 3.4e38, float("nan"), float("inf"), -float("inf"))
NAMES = (
    *("", " ", "x", "input", "output", "made", "Conv_0", "Conv_0.fork", ".", "..", "-", "\0"),
    *("../../etc/passwd", "C:\\temp\\x", "a/b/c", "/abs", "con", "int", "main", "top", "__init__"),
    *("<script>alert(1)</script>", "</title><b>", '"onload="x', "' OR 1=1", "&amp;&lt;", "{{7*7}}"),
    *("=1+1", "+1", "-1", "@SUM(A1)", "a,b", 'a"b', "a\tb", "a\nb", "a\r\nb", "%s%n", "${HOME}"),
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "\x07", "\x7f", "\u202egpj.exe"),
    *(
        "\u2028",
        "\x85",
        "\ufeff",
        "é",
        "中文",
        "\U0001f600",
        "a" * 300,
        "n" * 100_000,
        "[bold]x[/]",
    ),
    *("*/ int x;", "\\", "`", "// x", "endmodule", "a b", "1a", "$display", "#define", "\\name "),
)


def pick(rng: np.random.Generator, values: tuple[T, ...] | list[T]) -> T:
    """One of some values."""
    return values[int(rng.integers(len(values)))]


def integer(rng: np.random.Generator) -> int:
    """An awkward integer, or a small one."""
    return pick(rng, INTEGERS) if rng.random() < 0.6 else int(rng.integers(-3, 70))


def integers(rng: np.random.Generator) -> list[int]:
    """None to nine of them; seldom thousands."""
    if rng.random() < 0.02:
        return [integer(rng)] * 5000
    return [integer(rng) for _ in range(int(rng.integers(0, 10)))]
