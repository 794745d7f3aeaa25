"""Data sets in one .npz: alone, and described by a TOML file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hass.errors import SpecError
from hass.measure import Split, npz_file, open_dataset
from hass.measure.splits import seeded_splits
from hass.values import FeatureMap

FRAME = FeatureMap(4, 6, 3)
TOML = """
kind = "npz"
file = "x.npz"
layout = "NHWC"
mean = [1.0, 2.0, 3.0]
std = [2.0, 4.0, 8.0]
classes = 10
"""


def arrays(count: int = 20, layout: str = "NHWC") -> dict[str, np.ndarray]:
    """Images whose every word tells its place, in NHWC or NCHW."""
    images = np.arange(count * FRAME.words).reshape(count, 4, 6, 3) % 251
    if layout == "NCHW":
        images = images.transpose(0, 3, 1, 2)
    return {"images": images.astype(np.uint8), "labels": np.arange(count) % 10}


def write(folder: Path, toml: str = TOML, **content: np.ndarray) -> Path:
    np.savez_compressed(folder / "x.npz", **content)
    (folder / "dataset.toml").write_text(toml)
    return folder


def all_of(dataset, split):
    batches = list(dataset.batches(split, 3))
    return np.concatenate([b.images for b in batches]), np.concatenate([b.labels for b in batches])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_values_are_normalised_and_laid_out_for_the_model(tmp_path, layout) -> None:
    split = np.array(["calibration"] * 5 + ["selection"] * 7 + ["test"] * 8)
    folder = write(tmp_path, TOML.replace("NHWC", layout), split=split, **arrays(20, layout))
    dataset = open_dataset(folder, FRAME)
    assert [dataset.count(s) for s in Split] == [5, 7, 8]
    assert (dataset.classes, dataset.split_rule) == (10, "as given by the data")
    images, labels = all_of(dataset, Split.SELECTION)
    assert images.shape == (7, 3, 4, 6) and images.dtype == np.float32 and images.flags.c_contiguous
    stored = arrays()
    for image, label in zip(images, labels, strict=True):
        (place,) = [i for i in range(5, 12) if stored["labels"][i] == label]
        expected = (stored["images"][place] - np.array([1.0, 2.0, 3.0])) / [2.0, 4.0, 8.0]
        assert np.array_equal(image, expected.transpose(2, 0, 1).astype(np.float32))


def test_a_folder_its_toml_and_the_bare_arrays_are_the_same_images(tmp_path) -> None:
    folder = write(tmp_path, **arrays())
    prepared = {s: all_of(open_dataset(folder, FRAME), s)[0] for s in Split}
    by_file = open_dataset(folder / "dataset.toml", FRAME)
    stored = arrays()
    images = (stored["images"] - np.float32([1, 2, 3])) / np.float32([2, 4, 8])
    bare = tmp_path / "bare.npz"
    np.savez(bare, images=images.transpose(0, 3, 1, 2), labels=stored["labels"])
    for split in Split:
        assert np.array_equal(prepared[split], all_of(by_file, split)[0])
        assert np.array_equal(prepared[split], all_of(open_dataset(bare, FRAME), split)[0])
    assert open_dataset(folder, FRAME).digest == by_file.digest


def test_a_limit_takes_the_first_of_a_fixed_order(tmp_path) -> None:
    dataset = open_dataset(write(tmp_path, **arrays(50)), FRAME)
    whole, labels = all_of(dataset, Split.TEST)
    few = list(dataset.batches(Split.TEST, 4, 6))
    assert [b.labels.size for b in few] == [4, 2]
    assert np.array_equal(np.concatenate([b.images for b in few]), whole[:6])
    assert sorted(labels) != list(labels)  # not the order of the file


def test_the_seeded_rule(tmp_path) -> None:
    folder = write(tmp_path, **arrays(50))
    first, again, other = (open_dataset(folder, FRAME, seed=seed) for seed in (3, 3, 4))
    assert [first.count(s) for s in Split] == [10, 20, 20]
    members = [set(first.indices[s].tolist()) for s in Split]
    assert set.union(*members) == set(range(50))
    assert first.digest == again.digest != other.digest
    assert "seed 3" in first.split_rule
    # pinned: the rule is part of the results' meaning and may not change
    assert [s[0] for s in seeded_splits(10, 0)] == list("ttscttcsss")


@pytest.mark.parametrize("compressed", [True, False])
def test_large_arrays_are_mapped_not_read(tmp_path, monkeypatch, compressed) -> None:
    monkeypatch.setattr(npz_file, "IN_MEMORY_LIMIT_BYTES", 100)
    content = arrays()
    content["images"] = np.asfortranarray(content["images"])
    (np.savez_compressed if compressed else np.savez)(tmp_path / "x.npz", **content)
    loaded = npz_file.read_arrays(tmp_path / "x.npz", ("images", "labels"))
    assert isinstance(loaded["images"], np.memmap)
    for name, array in content.items():
        assert np.array_equal(loaded[name], array)


def test_grey_and_flat_images(tmp_path) -> None:
    labels = np.zeros(5, np.int8)
    np.savez(tmp_path / "grey.npz", images=np.ones((5, 4, 6)), labels=labels)
    np.savez(tmp_path / "flat.npz", images=np.ones((5, 7)), labels=labels)
    for name, frame in (("grey", FeatureMap(4, 6, 1)), ("flat", FeatureMap(1, 1, 7))):
        dataset = open_dataset(tmp_path / f"{name}.npz", frame)
        images, _ = all_of(dataset, Split.TEST)
        assert images.shape[1:] == (frame.channels, frame.height, frame.width)


def mistakes(path: Path, frame: FeatureMap = FRAME) -> str:
    with pytest.raises(SpecError) as caught:
        open_dataset(path, frame)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_all_mistakes_of_the_toml_at_once(tmp_path) -> None:
    text = TOML.replace("NHWC", "CHWN").replace("classes = 10", "classes = 0\ncolour = 1")
    message = mistakes(write(tmp_path, text, **arrays()))
    for part in ("layout", "classes", "colour"):
        assert f"dataset.toml: npz.{part}" in message
    assert "mean" in mistakes(write(tmp_path, TOML.replace("[1.0, 2.0, 3.0]", "[1.0, 2.0]")))
    assert "std" in mistakes(write(tmp_path, TOML.replace("[2.0,", "[0.0,")))
    assert "image-folder" in mistakes(write(tmp_path, TOML.replace('"npz"', '"zip"')))


def test_data_that_do_not_fit_the_model(tmp_path) -> None:
    folder = write(tmp_path, **arrays())
    message = mistakes(folder, FeatureMap(6, 4, 3))
    assert "x.npz: images" in message and "(20, 4, 6, 3)" in message and "(N, 6, 4, 3)" in message
    content = arrays()
    content["labels"][[3, 5]] = 10, -1
    split = np.array(["calibration"] * 19 + ["train"])
    message = mistakes(write(tmp_path, split=split, **content))
    assert "labels[3]: got 10, expected a class in 0..9" in message
    assert "labels[5]: got -1" in message and "split[19]: got 'train'" in message
    content = arrays()
    content["labels"] = content["labels"][:7].astype(float)
    message = mistakes(write(tmp_path, **content))
    assert "(7,)" in message and "(20,)" in message and "float64" in message
    assert "no labels" in mistakes(write(tmp_path, images=arrays()["images"]))
    empty = {"images": np.zeros((0, 4, 6, 3)), "labels": np.zeros(0, int)}
    assert "no images" in mistakes(write(tmp_path, **empty))
    objects = {"images": arrays()["images"], "labels": np.array([object()] * 20)}
    np.savez(tmp_path / "x.npz", **objects)
    assert "holds Python objects" in mistakes(tmp_path)


def test_values_that_are_not_finite(tmp_path) -> None:
    images = np.ones((9, 3, 4, 6))
    images[6, 0, 0, 0] = np.nan
    np.savez(tmp_path / "x.npz", images=images, labels=np.zeros(9, int), split=["test"] * 9)
    dataset = open_dataset(tmp_path / "x.npz", FRAME)
    with pytest.raises(SpecError, match=r"x\.npz: images\[6\]: got nan"):
        list(dataset.batches(Split.TEST, 4))


def test_a_flipped_byte_in_stored_images(tmp_path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, **arrays(layout="NCHW"))
    content = bytearray(path.read_bytes())
    place = content.index(arrays(layout="NCHW")["images"].tobytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert "x.npz" in mistakes(path)


def test_files_that_are_not_there_or_not_data(tmp_path) -> None:
    assert "no such file" in mistakes(tmp_path / "ghost.npz")
    assert "dataset.toml" in mistakes(tmp_path)
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 and then nothing")
    assert ".npz file" in mistakes(tmp_path / "x.npz")
    (tmp_path / "x.csv").write_text("a,b")
    assert "an .npz or a TOML file" in mistakes(tmp_path / "x.csv")
    (tmp_path / "x.toml").write_text("kind = ")
    assert "TOML" in mistakes(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text(TOML.replace("x.npz", "ghost.npz"))
    assert "ghost.npz" in mistakes(tmp_path / "x.toml")


def test_a_truncated_npz(tmp_path) -> None:
    path = write(tmp_path, **arrays()) / "x.npz"
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\0" * 60 + content[100:])  # the directory stays intact
    assert "x.npz" in mistakes(tmp_path)


@pytest.mark.parametrize(
    ("shape", "moved"),
    [
        ((5, 3, 7), (0, 1, 2)),
        ((5, 7, 3), (0, 2, 1)),
        ((5, 1, 7, 3), (0, 3, 1, 2)),
        ((5, 3, 1, 7), (0, 1, 2, 3)),
    ],
)
def test_frames_of_one_row(tmp_path, shape: tuple[int, ...], moved: tuple[int, ...]) -> None:
    """As a network of one dimension has them; channels last where only that fits."""
    stored = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    path = tmp_path / "x.npz"
    np.savez(path, images=stored, labels=np.arange(5), split=np.array(["test"] * 5))
    images, labels = all_of(open_dataset(path, FeatureMap(1, 7, 3)), Split.TEST)
    assert images.shape == (5, 3, 1, 7)
    expected = stored.transpose(moved).reshape(5, 3, 1, 7)
    np.testing.assert_array_equal(images[np.argsort(labels)], expected)


def test_frames_of_vectors_and_what_fits_neither_way(tmp_path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=np.ones((4, 12), np.float32), labels=np.arange(4))
    assert open_dataset(path, FeatureMap(1, 1, 12)).frame.words == 12
    with pytest.raises(SpecError, match=r"\(N, 3, 1, 4\) or \(N, 3, 4\) \(NCHW\)"):
        open_dataset(path, FeatureMap(1, 4, 3))
