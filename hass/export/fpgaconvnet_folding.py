"""hass's foldings as fpgaConvNet has them, exact or the nearest legal one.

Its engines have ``fine`` multipliers that divide a window (dense), or any number up to a window
(sparse, which skip zero activations of one channel's window); it has no channels packed into a
segment, no engine that skips zero weights, and no choice of where lanes wait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..cost.foldings import DATA_DEPENDENT, EngineKind, Folding, MemoryKind
from ..design import LayerDensity
from ..intmath import divisors
from ..ops import Conv2d

MIN_SPARSITY = 0.1  # its ONNX parser takes layers with fewer zeros as dense


@dataclass(frozen=True, slots=True)
class TheirFolding:
    """A convolution's folding there.

    Attributes:
        op_type: dense, sparse or pointwise_sparse.
        coarse_in, coarse_out, coarse_group, fine: as they name them.
        changed: what is not as hass folded it, in words; "" where all is.
    """

    op_type: str
    coarse_in: int
    coarse_out: int
    coarse_group: int
    fine: int
    changed: str


def _op_type(op: Conv2d, folding: Folding, density: LayerDensity | None) -> str:
    if folding.engine not in DATA_DEPENDENT or density is None:
        return "dense"
    if 1.0 - density.act_density < MIN_SPARSITY:
        return "dense"
    return "pointwise_sparse" if op.kernel == (1, 1) else "sparse"


def legal_fines(op: Conv2d, op_type: str) -> tuple[int, ...]:
    """``fine`` of its chisel backend."""
    taps = op.kernel[0] * op.kernel[1]
    return tuple(range(1, taps + 1)) if op_type == "sparse" else divisors(taps)


def hls_fines(op: Conv2d) -> tuple[int, ...]:
    """``fine`` of its HLS backend, which has dense engines only."""
    height, width = op.kernel
    return (1, height, height * width) if height == width else (1, max(height, width))


def their_folding(op: Conv2d, folding: Folding, density: LayerDensity | None) -> TheirFolding:
    """The nearest legal folding: as many multipliers a lane as hass has, or by the least ratio more
    or fewer. Channels that hass packs into a segment become lanes where a window has too few taps.
    """
    op_type = _op_type(op, folding, density)
    choices = [
        (abs(math.log(lanes * fine / folding.fine)), lanes, -fine)
        for lanes in divisors(folding.packed)
        for fine in legal_fines(op, op_type)
    ]
    _, lanes, fine = min(choices)
    found = TheirFolding(
        op_type=op_type,
        coarse_in=folding.coarse_in * lanes,
        coarse_out=folding.coarse_out,
        coarse_group=folding.coarse_group,
        fine=-fine,
        changed="",
    )
    same = (
        lanes == 1
        and -fine == folding.fine
        and (op_type == "dense") == (folding.engine is EngineKind.DENSE)
    )
    if same and (folding.packed == 1 or folding.engine is EngineKind.DENSE):
        return found
    changed = (
        f"{folding.engine.value} engines with coarse_in {folding.coarse_in}, packed "
        f"{folding.packed}, fine {folding.fine} become {op_type} ones with coarse_in "
        f"{found.coarse_in}, fine {found.fine}"
    )
    return TheirFolding(
        op_type, found.coarse_in, found.coarse_out, found.coarse_group, found.fine, changed
    )


def lost_properties(folding: Folding) -> str:
    """What of a folding fpgaConvNet's file has no place for, in words; "" where nothing."""
    lost = []
    if folding.weight_memory is MemoryKind.OFF_CHIP:
        lost.append(
            f"weights off chip, read for {folding.rows_per_pass} rows at a time (written as on "
            "chip: which weights it streams is its optimiser's choice)"
        )
    if folding.weight_memory is MemoryKind.LUTRAM:
        lost.append("weights in LUTRAM")
    if folding.lane_fifo_depth > 1:
        lost.append(f"lanes that run {folding.lane_fifo_depth} windows ahead")
    for kind, what in ((folding.line_memory, "line buffers"), (folding.fifo_memory, "FIFOs")):
        if kind in (MemoryKind.LUTRAM, MemoryKind.URAM):
            lost.append(f"{what} in {kind.value.upper()}")
    return "; ".join(lost)


def window_histogram(taps: int, sparsity: float) -> list[float]:
    """P(j zeros in a window of so many words), j = 0..taps, if each is zero on its own.

    >>> window_histogram(2, 0.5)
    [0.25, 0.5, 0.25]
    """
    return [
        math.comb(taps, zeros) * sparsity**zeros * (1.0 - sparsity) ** (taps - zeros)
        for zeros in range(taps + 1)
    ]
