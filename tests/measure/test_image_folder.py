"""Data sets of image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hass.errors import SpecError
from hass.measure import Split, image_folder, open_dataset
from hass.values import FeatureMap

FRAME = FeatureMap(8, 8, 3)
TOML = """
kind = "image-folder"
folder = "pictures"
labels = "labels.csv"
resize = 10
crop = 8
mean = [10.0]
std = [2.0]
classes = 3
"""


def picture(number: int, size: tuple[int, int] = (25, 20)) -> Image.Image:
    rng = np.random.default_rng(number)
    return Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))


def write(folder: Path, toml: str = TOML, rows: str | None = None, count: int = 10) -> Path:
    (folder / "pictures").mkdir(exist_ok=True)
    lines = ["file,label,name,split"]
    for number in range(count):
        picture(number).save(folder / "pictures" / f"{number}.png")
        split = ("calibration", "selection", "test")[number % 3]
        lines.append(f"{number}.png,{number % 3},thing,{split}")
    (folder / "labels.csv").write_text(rows or "\n".join(lines))
    (folder / "dataset.toml").write_text(toml)
    return folder


def test_images_are_scaled_cut_and_normalised(tmp_path) -> None:
    dataset = open_dataset(write(tmp_path), FRAME)
    assert [dataset.count(s) for s in Split] == [4, 3, 3]
    (batch,) = dataset.batches(Split.SELECTION, 16)
    for place, number in enumerate(dataset.indices[Split.SELECTION]):
        # 25x20 with the shorter side at 10 is 12x10 (rounded down); offsets (12-8)/2, (10-8)/2
        scaled = picture(int(number)).resize((12, 10), Image.Resampling.BILINEAR)
        expected = (np.asarray(scaled.crop((2, 1, 10, 9)), np.float32) - 10) / 2
        assert np.array_equal(batch.images[place], expected.transpose(2, 0, 1))
        assert batch.labels[place] == number % 3


def test_a_crop_need_not_be_square(tmp_path) -> None:
    folder = write(tmp_path, TOML.replace("crop = 8", "crop = [6, 11]"))
    dataset = open_dataset(folder, FeatureMap(6, 11, 3))
    assert next(dataset.batches(Split.TEST, 1)).images.shape == (1, 3, 6, 11)


def test_grey_frames_take_colour_images_as_grey(tmp_path) -> None:
    dataset = open_dataset(write(tmp_path), FeatureMap(8, 8, 1))
    (batch,) = dataset.batches(Split.TEST, 16)
    grey = picture(int(dataset.indices[Split.TEST][0])).convert("L").resize((12, 10), 2)
    expected = (np.asarray(grey.crop((2, 1, 10, 9)), np.float32) - 10) / 2
    assert np.array_equal(batch.images[0, 0], expected)


def test_without_a_split_column_the_seed_decides(tmp_path) -> None:
    rows = "file,label\n" + "\n".join(f"{n}.png,0" for n in range(10))
    dataset = open_dataset(write(tmp_path, rows=rows), FRAME, seed=5)
    assert [dataset.count(s) for s in Split] == [2, 4, 4]
    assert "seed 5" in dataset.split_rule


def test_the_cache_is_bounded_and_changes_nothing(tmp_path, monkeypatch) -> None:
    folder = write(tmp_path)
    plain = [b.images for b in open_dataset(folder, FRAME).batches(Split.CALIBRATION, 2)]
    monkeypatch.setattr(image_folder, "CROP_CACHE_LIMIT_BYTES", 3 * FRAME.words)
    decoded = []
    original = image_folder.decode
    monkeypatch.setattr(
        image_folder, "decode", lambda path, *rest: decoded.append(path) or original(path, *rest)
    )
    dataset = open_dataset(folder, FRAME)
    for _ in range(2):
        images = [b.images for b in dataset.batches(Split.CALIBRATION, 2)]
        assert all(np.array_equal(a, b) for a, b in zip(images, plain, strict=True))
    assert len(decoded) == 4 + 1  # three crops of four are kept


def mistakes(path: Path, frame: FeatureMap = FRAME) -> str:
    with pytest.raises(SpecError) as caught:
        dataset = open_dataset(path, frame)
        for split in Split:
            list(dataset.batches(split, 4))
    return str(caught.value)


def test_wrong_rows_are_listed(tmp_path) -> None:
    write(tmp_path)
    rows = "file,label,split\n0.png,0,test\n1.png,7,test\nghost.png,1,dev\n"
    message = mistakes(write(tmp_path, rows=rows))
    assert "labels[1]: got 7, expected a class in 0..2" in message
    assert "split[2]: got 'dev'" in message and "ghost.png: got no such file" in message
    assert "line 3: label: got 'x'" in mistakes(
        write(tmp_path, rows="file,label\n0.png,0\n1.png,x\n")
    )
    assert "['label']" in mistakes(write(tmp_path, rows="file,class\n0.png,0\n"))
    assert "no rows" in mistakes(write(tmp_path, rows="file,label\n"))


def test_images_that_do_not_fit(tmp_path) -> None:
    folder = write(tmp_path)
    assert "crop: got 8, expected 9x8" in mistakes(folder, FeatureMap(9, 8, 3))
    assert "4 channels" in mistakes(folder, FeatureMap(8, 8, 4))
    message = mistakes(write(tmp_path, TOML.replace("crop = 8\n", "")))
    assert ".png: got '10x12', expected 8x8, the model's input" in message
    message = mistakes(write(tmp_path, TOML.replace("resize = 10", "resize = 7")))
    assert "at least 8x8" in message


def test_unreadable_images_are_named(tmp_path) -> None:
    folder = write(tmp_path)
    (folder / "pictures" / "3.png").write_bytes(b"no image")
    assert "3.png" in mistakes(folder) and "decoded" in mistakes(folder)
    content = (folder / "pictures" / "4.png").read_bytes()
    write(tmp_path)
    (folder / "pictures" / "4.png").write_bytes(content[:200])
    assert "4.png" in mistakes(folder)
    write(tmp_path)
    Image.fromarray(np.zeros((20, 25), np.uint16)).save(folder / "pictures" / "5.png")
    assert "8 bits per channel" in mistakes(folder)


def test_paths_that_do_not_exist(tmp_path) -> None:
    folder = write(tmp_path)
    assert "no such folder" in mistakes(write(tmp_path, TOML.replace("pictures", "nowhere")))
    assert "nowhere.csv" in mistakes(write(tmp_path, TOML.replace("labels.csv", "nowhere.csv")))
    assert "layout" in mistakes(write(tmp_path, TOML + 'layout = "NCHW"\n'))
    assert folder.is_dir()
