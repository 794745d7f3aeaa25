"""How a search clips weights: what ``--clips`` names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hass.clip_family import FAMILY_NAMES, ClipFamily, Neighbours, WholeChannels, family_of
from hass.near import near_names

_WORDS = ("channel", "filter", "magnitude", "block:4x1")  # names that may be misspelt
CLIPS_NAMES = f"channel, N:M (as 2:4), {FAMILY_NAMES}"


@dataclass(frozen=True, slots=True)
class WeightClips:
    """A family, and how much of a layer it may clip.

    Attributes:
        family: of all layers.
        kept: of n:M, the only n that a clipped layer may have; None: any.
    """

    family: ClipFamily
    kept: int | None = None


def weight_clips_of(text: str) -> WeightClips:
    """What a name means: a family's, ``channel``, or ``2:4`` for layers that are clipped to it or
    not at all.

    Raises:
        ValueError: saying what was expected.
    """
    if text == str(WholeChannels()):
        return WeightClips(WholeChannels())
    if found := re.fullmatch(r"([1-9]\d?):([1-9]\d?)", text):
        kept, m = int(found[1]), int(found[2])
        if kept < m:
            return WeightClips(Neighbours(m), kept)
        raise ValueError(f"N:M with N < M, or one of {FAMILY_NAMES}")
    try:
        return WeightClips(family_of(text))
    except ValueError:
        hint = near_names(text, _WORDS)
        raise ValueError(f"one of {CLIPS_NAMES}{f'; {hint}' if hint else ''}") from None


def weight_shares(clips: WeightClips, channels: int, led: int) -> tuple[float, ...] | None:
    """Shares of a layer's weights that a search may clip, ascending; None: any.

    Args:
        clips: of the search.
        channels: of one group of the layer.
        led: classes of channels that the layer leads.
    """
    if isinstance(clips.family, WholeChannels):
        return tuple(gone / led for gone in range(1, led))
    if not isinstance(clips.family, Neighbours):
        return None
    m = clips.family.m
    wanted = range(m - 1, 0, -1) if clips.kept is None else (clips.kept,)
    return tuple((m - kept) / m for kept in wanted if kept < channels)  # else all are kept
