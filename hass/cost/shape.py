"""What a layer's cost depends on besides folding and sparsity; without names, so that equal
layers share one table."""

from __future__ import annotations

from dataclasses import dataclass

from .. import ops
from ..values import FeatureMap


@dataclass(frozen=True, slots=True)
class FifoNeed:
    """How deep the FIFO in front of one input port must be, whatever the folding.

    Attributes:
        words: words that must be held while the other inputs of a join catch up.
        entries: further entries, for arithmetic pipelines; at least 2 for full throughput.
    """

    words: int = 0
    entries: int = 2


@dataclass(frozen=True, slots=True)
class LayerShape:
    """An op with its input maps and FIFO needs in port order, and its output map."""

    op: ops.Op
    inputs: tuple[FeatureMap, ...]
    out: FeatureMap
    fifos: tuple[FifoNeed, ...]
    readers: int = 1
