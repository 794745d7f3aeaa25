"""Accuracy: labels against outputs, and outputs that do not fit the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from measured_networks import fixed_outputs_file, random_dataset

from hass.errors import ProfileError
from hass.measure import Split, measure_accuracy, open_dataset
from hass.sparsity import Accuracy
from hass.values import FeatureMap

PIXEL = FeatureMap(1, 1, 1)


def bare(folder: Path, labels: np.ndarray) -> Path:
    np.savez(folder / "bare.npz", images=np.zeros((labels.size, 1, 1, 1)), labels=labels)
    return folder / "bare.npz"


def test_counts_images_whose_label_wins(tmp_path) -> None:
    dataset = random_dataset(tmp_path, PIXEL, 210, 4)  # each label equally often
    seen = []
    result = measure_accuracy(
        fixed_outputs_file(4, 3), dataset, Split.TEST, progress=lambda *done: seen.append(done)
    )
    labels = dataset.labels[dataset.indices[Split.TEST]]
    assert result == Accuracy(int((labels == 3).sum()), 70)
    assert result.top1 == result.correct / 70
    assert seen == [(64, 70), (70, 70)]


def test_a_limit_counts_the_first_images(tmp_path) -> None:
    dataset = random_dataset(tmp_path, PIXEL, 90, 4)
    result = measure_accuracy(fixed_outputs_file(4, 1), dataset, Split.SELECTION, limit=10)
    labels = dataset.labels[dataset.indices[Split.SELECTION][:10]]
    assert result == Accuracy(int((labels == 1).sum()), 10)
    more = measure_accuracy(fixed_outputs_file(4, 1), dataset, Split.SELECTION, limit=1000)
    assert more.images == 30


def test_a_background_output_in_front_shifts_the_labels(tmp_path) -> None:
    known = random_dataset(tmp_path, PIXEL, 3000, 1000)
    label = int(known.labels[known.indices[Split.TEST][0]])
    assert measure_accuracy(fixed_outputs_file(1001, label + 1), known, Split.TEST).correct == 1
    assert measure_accuracy(fixed_outputs_file(1000, label), known, Split.TEST).correct == 1
    assert measure_accuracy(fixed_outputs_file(1001, 0), known, Split.TEST).correct == 0
    unknown = open_dataset(bare(tmp_path, np.full(9, 5)), PIXEL)
    assert measure_accuracy(fixed_outputs_file(1001, 6), unknown, Split.TEST).top1 == 1.0
    assert measure_accuracy(fixed_outputs_file(9, 5), unknown, Split.TEST).top1 == 1.0


def test_outputs_that_do_not_fit_the_classes(tmp_path) -> None:
    dataset = random_dataset(tmp_path, PIXEL, 12, 4)
    for outputs in (3, 5, 1001):
        with pytest.raises(ProfileError, match=f"{outputs} outputs, but the data .* 4 classes"):
            measure_accuracy(fixed_outputs_file(outputs, 0), dataset, Split.TEST)


def test_an_empty_split_is_named(tmp_path) -> None:
    dataset = open_dataset(bare(tmp_path, np.zeros(3, int)), PIXEL)  # 20 % of 3 is no image
    with pytest.raises(ProfileError, match="no image in the calibration split"):
        measure_accuracy(fixed_outputs_file(4, 0), dataset, Split.CALIBRATION)


def test_a_network_that_onnxruntime_refuses(tmp_path) -> None:
    dataset = random_dataset(tmp_path, PIXEL, 12, 4)
    with pytest.raises(ProfileError, match="onnxruntime cannot load the network") as caught:
        measure_accuracy(b"no network", dataset, Split.TEST)
    assert "\n" not in str(caught.value)
    larger = random_dataset(tmp_path, FeatureMap(1, 1, 2), 12, 4)
    with pytest.raises(ProfileError, match="onnxruntime cannot run the network"):
        measure_accuracy(fixed_outputs_file(4, 0), larger, Split.TEST)
