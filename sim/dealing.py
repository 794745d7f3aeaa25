"""Which channels and filters each lane works on: by falling rate in snake order, as modelled."""

from __future__ import annotations

import numpy as np

from hass import ops
from hass.cost import Folding
from hass.cost.foldings import IntArray
from hass.segment_cycles import block_rates
from hass.snake import snake_deal
from hass.sparsity import LayerSparsity


def dealt_blocks(op: ops.Conv2d, folding: Folding, sparsity: LayerSparsity) -> IntArray:
    """(windows, lanes in) block of channels of each window: groups are dealt to coarse_group,
    the blocks of a group to coarse_in, by falling rate in snake order."""
    by_group = block_rates(sparsity.histogram(folding.packed), op.groups)
    inside = np.stack([snake_deal(group, folding.coarse_in) for group in by_group])
    groups = snake_deal(by_group.mean(axis=1), folding.coarse_group)
    # (rounds, coarse_group, blocks of a lane, coarse_in) -> (windows, lanes in)
    blocks = inside[groups] + (groups * by_group.shape[1])[:, :, None, None]
    dealt = blocks.transpose(0, 2, 1, 3).reshape(-1, folding.coarse_group * folding.coarse_in)
    return np.asarray(dealt)


def dealt_filters(
    op: ops.Conv2d, folding: Folding, sparsity: LayerSparsity, blocks: IntArray
) -> IntArray:
    """(windows, lanes in, lanes out, filters of a lane) filter of each segment.

    Args:
        op, folding, sparsity: the layer.
        blocks: as dealt.
    """
    rates = np.asarray(sparsity.filter_rates).reshape(op.groups, -1)
    filters = np.stack([snake_deal(group, folding.coarse_out).T for group in rates])
    per_group = sparsity.histogram(folding.packed).counts.shape[0] // op.groups
    group = blocks // per_group
    return np.asarray(filters[group] + (group * rates.shape[1])[:, :, None, None])
