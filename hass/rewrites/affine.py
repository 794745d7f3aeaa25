"""What passes share: Conv2d layers that scale and shift each channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import ops
from .draft import Draft

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Affine:
    """``scale * x + shift`` per channel, float64 (channels,)."""

    scale: Float64
    shift: Float64

    @property
    def is_uniform(self) -> bool:
        """Whether all channels are treated alike."""
        return bool(np.all(self.scale == self.scale[0]) and np.all(self.shift == self.shift[0]))

    @property
    def is_identity(self) -> bool:
        """Whether float32 does not see a difference."""
        return bool(np.all(self.scale == 1.0) and np.all(self.shift == 0.0))


def affine_of(draft: Draft, name: str) -> Affine | None:
    """The scale and shift that a layer applies, if it is a depthwise 1x1 Conv2d."""
    op = draft.op(name)
    if not isinstance(op, ops.Conv2d):
        return None
    channels = draft.map(draft.sources(name)[0]).channels
    if op != ops.Conv2d(channels, (1, 1), groups=channels):
        return None
    weight = draft.weight(name).reshape(channels).astype(np.float64)
    return Affine(weight, draft.bias(name).astype(np.float64))
