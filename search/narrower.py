"""The network of a trial: the one that is searched, or a narrower one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hass.channels import ChannelClass, smallest_channels
from hass.clip_family import MAGNITUDE, WholeChannels
from hass.onnx_io import ImportedModel, without
from hass.sparsity import Settings, SparsitySetting


def narrower(
    model: ImportedModel, ranked: Mapping[str, tuple[ChannelClass, ...]], settings: Settings
) -> tuple[ImportedModel, Settings]:
    """The network without the channels that settings ask to remove, and its layers' clips.

    Args:
        model: the whole network.
        ranked: its ``ranked_classes``.
        settings: of a trial; those of whole channels are shares of what a layer leads.
    """
    shares = {
        name: setting.weight_sparsity
        for name, setting in settings.items()
        if isinstance(setting.weight_family, WholeChannels)
    }
    if not shares:
        return model, settings
    nothing = SparsitySetting()
    left = {
        name: replace(setting, weight_sparsity=0.0, weight_family=MAGNITUDE)
        if name in shares
        else setting
        for name, setting in settings.items()
    }
    clips = {name: setting for name, setting in left.items() if setting != nothing}
    return without(model, smallest_channels(ranked, shares)), clips
