"""Word lengths of single layers, chosen once before the first clip, kept by content."""

from __future__ import annotations

from collections.abc import Mapping

from hass.cost import COST_MODEL_VERSION
from hass.device import Device
from hass.files import JsonValue
from hass.integer_accuracy import MOST_IMAGES
from hass.measure import Split
from hass.values import Precision
from hass.word_choice import WordTask, choose_word_lengths, measure_word_losses, word_options

from .hooks import SearchHooks, stage_progress
from .known import Known
from .sensitivity import measured_images
from .spec import SearchSpec

# Of the accuracy that may be lost, by word lengths alone, before anything is clipped; trials then
# measure what both lose together. ResNet-20 on a ZCU104 takes 12,288 cycles instead of 22,101 with
# 16 layers of 8 bits, of whose 500 images 3 more are wrong, while of others more are right: half a
# point, 2 images, refused that, and clips alone then reached 16,384.
SHARE_OF_DROP = 0.75


def chosen_words(
    task: WordTask, device: Device, spec: SearchSpec, known: Known, hooks: SearchHooks
) -> Precision:
    """The word lengths with which the network as it is, nothing clipped, is fastest on the part,
    for at most ``SHARE_OF_DROP`` of the accuracy that may be lost.

    Raises:
        ProfileError: if the network is no classifier.
        SpecError: if an image cannot be read.
        SolverError: if an integer program fails.
        OutputError: if what was measured cannot be kept.
    """
    if len(task.bits) == 1:
        return task.precision({})
    images = measured_images(task.graph, task.dataset)
    limit = min(MOST_IMAGES, task.dataset.count(Split.SELECTION))
    if spec.selection_limit is not None:
        limit = min(limit, spec.selection_limit)
    of: dict[str, JsonValue] = {
        "graph": task.graph.digest,
        "weights": task.weights.digest,
        "data": task.dataset.digest,
        "device": repr(device),
        "clock": spec.clock_mhz,
        "bits": list(task.bits),
        "images": images,
        "selection images": limit,
        "profile": [spec.profile_images, spec.seed],
        "drop": spec.accuracy_drop,
        "cost model": COST_MODEL_VERSION,
    }
    found = _read(task, known.text("words", of))
    if found is not None:
        return found
    losses = measure_word_losses(
        task, images, progress=stage_progress(hooks, "sensitivity to word lengths")
    )
    choice = choose_word_lengths(
        task,
        word_options(task, device, spec.clock_mhz),
        losses,
        SHARE_OF_DROP * spec.accuracy_drop / 100,
        images=limit,
        progress=stage_progress(hooks, "word lengths"),
    )
    bits: JsonValue = {name: own.act_bits for name, own in choice.precision.layers.items()}
    known.keep_text("words", of, bits)
    return choice.precision


def _read(task: WordTask, kept: JsonValue) -> Precision | None:
    """What was kept; None if nothing was, or it cannot be used."""
    if not isinstance(kept, Mapping) or not set(kept) <= set(task.convs):
        return None
    options = {name: task.bits.index(bits) for name, bits in kept.items() if bits in task.bits}
    return task.precision(options) if options.keys() == kept.keys() else None
