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
        words: words that must be held while the other inputs of a join catch up, or until the
            layer takes what came in a burst.
        entries: further entries, for arithmetic pipelines; at least 2 for full throughput.
    """

    words: int = 0
    entries: int = 2


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What a layer is, without its name.

    Attributes:
        op: what it does.
        inputs: input maps in port order.
        out: output map.
        fifos: FIFO needs in port order.
        readers: layers that read its output.
        haste: a frame's work must be done, and where the inputs are single positions its words read
            and written, in 1 / haste of the frame time; above 1 for the small layers of a
            squeeze-and-excitation branch, while whose work a feature map waits.
    """

    op: ops.Op
    inputs: tuple[FeatureMap, ...]
    out: FeatureMap
    fifos: tuple[FifoNeed, ...]
    readers: int = 1
    haste: int = 1
