"""Why a folding is not legal: the rules of ``legal`` for one folding of a user's, in words."""

from __future__ import annotations

from math import gcd

from ..cost.buffers import homes_of
from ..cost.foldings import SPARSE_ENGINES, EngineKind, Folding, MemoryKind
from ..cost.shape import LayerShape
from ..cost.weight_passes import columns_read
from ..ops import Conv2d
from ..sparsity import LayerSparsity
from ..values import Arithmetic
from .legal import (
    DENSE_MAX_PRODUCTS,
    LANE_FIFO_DEPTHS,
    SPARSE_MAX_FINE,
    SPARSE_MAX_PRODUCTS,
    SPARSE_MIN_PRODUCTS,
)

Rule = tuple[str, bool, str]  # field of a folding, whether it is legal, what it should be


def objections(
    shape: LayerShape,
    folding: Folding,
    engines: frozenset[EngineKind],
    memories: frozenset[MemoryKind],
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic = Arithmetic(),  # noqa: B008 - a frozen value
) -> tuple[tuple[str, str], ...]:
    """Why a folding is not legal.

    Args:
        shape, engines, memories, sparsity, arithmetic: as for ``legal_foldings``.
        folding: what is judged.

    Returns:
        (field of the folding, what it should be) for each field that is wrong; empty exactly if
        ``is_legal``. Memories of buffers are judged once all else is right.
    """
    if isinstance(shape.op, Conv2d):
        rules = _conv_rules(shape.op, shape, folding, sparsity)
        rules += _pass_rules(shape.op, shape, folding)
        kinds = [
            ("engine", folding.engine in engines - {EngineKind.NONE}, _words(engines)),
            ("weight_memory", folding.weight_memory in memories, _words(memories)),
        ]
    else:
        common = gcd(shape.out.channels, *(source.channels for source in shape.inputs))
        rules = [
            ("coarse_in", common % folding.coarse_in == 0, f"a divisor of {common} (channels)"),
            (
                "coarse_out",
                folding.coarse_out == folding.coarse_in,
                f"{folding.coarse_in}, as coarse_in",
            ),
        ]
        rules += [
            (name, getattr(folding, name) == 1, "1: the layer has no weights")
            for name in ("coarse_group", "fine", "packed", "lane_fifo_depth", "rows_per_pass")
        ]
        kinds = [("engine", folding.engine is EngineKind.NONE, "none: the layer has no weights")]
    wrong = tuple((name, expected) for name, good, expected in kinds + rules if not good)
    if wrong:
        return wrong
    lines, fifos = homes_of(shape, folding, arithmetic, memories)
    homes = (
        ("line_memory", folding.line_memory in lines, _home_words(lines, "line buffer")),
        ("fifo_memory", folding.fifo_memory in fifos, _home_words(fifos, "FIFO")),
    )
    return tuple((name, expected) for name, good, expected in homes if not good)


def _home_words(legal: frozenset[MemoryKind], what: str) -> str:
    return _words(legal) or f"none: no {what} is deep"


def _words(kinds: frozenset[EngineKind] | frozenset[MemoryKind]) -> str:
    return " or ".join(sorted(kind.value for kind in kinds if kind.value != "none"))


def _pass_rules(op: Conv2d, shape: LayerShape, folding: Folding) -> list[Rule]:
    if folding.weight_memory is not MemoryKind.OFF_CHIP:
        return [("rows_per_pass", folding.rows_per_pass == 1, "1 where weights are on chip")]
    height, width = shape.out.height, shape.out.width
    turns = folding.packed * op.kernel[0] * op.kernel[1] // folding.fine
    least = -(-columns_read(op, shape) // width)
    return [
        ("weight_memory", shape.haste == 1, "on chip: a join waits for the layer's one position"),
        ("engine", folding.engine is EngineKind.DENSE, "dense, where weights are off chip"),
        ("rows_per_pass", height % folding.rows_per_pass == 0, f"a divisor of {height} (rows)"),
        (
            "fine",
            turns * width >= columns_read(op, shape),
            f"at most an engine of {least} turns, as many columns are read for a position",
        ),
    ]


def _conv_rules(
    op: Conv2d, shape: LayerShape, folding: Folding, sparsity: LayerSparsity | None
) -> list[Rule]:
    channels, filters = shape.inputs[0].channels // op.groups, op.out_channels // op.groups
    per = " per group" if op.groups > 1 else ""
    taps = op.kernel[0] * op.kernel[1]
    products = folding.packed * taps
    left = channels // folding.coarse_in if channels % folding.coarse_in == 0 else channels
    rules = [
        (
            "coarse_in",
            channels % folding.coarse_in == 0,
            f"a divisor of {channels} (input channels{per})",
        ),
        (
            "coarse_out",
            filters % folding.coarse_out == 0,
            f"a divisor of {filters} (filters{per})",
        ),
        (
            "coarse_group",
            op.groups % folding.coarse_group == 0,
            f"a divisor of {op.groups} (groups)",
        ),
        (
            "packed",
            left % folding.packed == 0,
            f"a divisor of {left} (input channels{per} that coarse_in leaves)",
        ),
    ]
    if folding.engine in SPARSE_ENGINES:
        kind = folding.engine.value
        measured = frozenset(h.packed for h in sparsity.histograms) if sparsity else frozenset()
        broadcast = folding.engine is EngineKind.BROADCAST
        most = 1 if broadcast else min(SPARSE_MAX_FINE, products)
        fits = SPARSE_MIN_PRODUCTS <= products <= SPARSE_MAX_PRODUCTS
        range_words = f"{SPARSE_MIN_PRODUCTS} to {SPARSE_MAX_PRODUCTS}"
        static = folding.engine is EngineKind.STATIC
        allowed = (1,) if static else LANE_FIFO_DEPTHS
        depths = ", ".join(str(depth) for depth in allowed)
        zeros = not static or sparsity is None or sparsity.weight_density < 1.0
        acts = not broadcast or sparsity is None or sparsity.acts is not None
        choices = ", ".join(str(packed) for packed in sorted(measured)) or "none"
        return [
            *rules,
            ("engine", sparsity is not None, f"dense: a {kind} engine needs a profile"),
            ("engine", zeros, "dense: no weight is zero"),
            ("engine", acts, "another one: the profile lacks activations alone"),
            (
                "packed",
                fits,
                f"{range_words} products per segment (packed * {taps}) in a {kind} engine",
            ),
            (
                "packed",
                sparsity is None or folding.packed in measured,
                f"one that the profile has ({choices})",
            ),
            ("fine", folding.fine <= most, f"at most {most} in a {kind} engine"),
            ("lane_fifo_depth", folding.lane_fifo_depth in allowed, f"one of {depths}"),
        ]
    limit = DENSE_MAX_PRODUCTS if taps == 1 else 1
    return [
        *rules,
        ("packed", folding.packed <= limit, f"at most {limit} in a dense engine of {taps} taps"),
        (
            "fine",
            products % folding.fine == 0,
            f"a divisor of {products} (products per segment) in a dense engine",
        ),
        ("lane_fifo_depth", folding.lane_fifo_depth == 1, "1 in a dense engine"),
    ]


def is_legal(
    shape: LayerShape,
    folding: Folding,
    engines: frozenset[EngineKind],
    memories: frozenset[MemoryKind],
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic = Arithmetic(),  # noqa: B008 - a frozen value
) -> bool:
    """Whether ``legal_foldings`` of the same arguments contains the folding."""
    return not objections(shape, folding, engines, memories, sparsity, arithmetic)
