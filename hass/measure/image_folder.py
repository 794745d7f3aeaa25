"""Image files, decoded when they are needed."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import Mistake, SpecError
from ..near import near_files, unreadable
from ..values import FeatureMap
from .data_spec import ImageFolderSpec
from .splits import MISTAKES_SHOWN, IndexArray

ByteArray = npt.NDArray[np.uint8]

# Decoded crops are kept up to this size, since a search reads the same images in every trial:
# 256 MiB holds 1,780 crops of 224x224x3. Images beyond are decoded each time; none is ever
# thrown out, because with cyclic reading the oldest crop is the one needed next.
CROP_CACHE_LIMIT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Rows of a labels CSV.

    Attributes:
        files: names inside the image folder.
        labels: (n,) classes.
        splits: words of the split column, or None without one.
    """

    files: tuple[str, ...]
    labels: IndexArray
    splits: tuple[str, ...] | None


def read_labels(path: Path) -> LabelTable:
    """The labels CSV of an image folder; a row's number in messages is its line in the file.

    Raises:
        SpecError: if it cannot be read, lacks a column, or has rows that do not fit.
    """
    files: list[str] = []
    labels: list[int] = []
    splits: list[str] = []
    mistakes: list[Mistake] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or ())
            missing = [name for name in ("file", "label") if name not in columns]
            if missing:
                raise SpecError.at(path, columns, f"columns file, label[, split]; no {missing}")
            for row in reader:
                files.append(row["file"] or "")
                splits.append(row.get("split") or "")
                try:
                    labels.append(int(row["label"]))
                except (TypeError, ValueError):
                    place = f"{path}: line {reader.line_num}: label"
                    mistakes.append(Mistake(place, repr(row["label"]), "an integer"))
    except FileNotFoundError as error:
        raise unreadable(path, error, "a readable CSV with columns file, label") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecError.at(path, str(error), "a readable CSV with columns file, label") from None
    if mistakes:
        raise SpecError(mistakes[:MISTAKES_SHOWN])
    if not files:
        raise SpecError.at(path, "no rows", "one row per image")
    return LabelTable(
        tuple(files),
        np.array(labels, dtype=np.int64),
        tuple(splits) if "split" in columns else None,
    )


def missing_files(folder: Path, files: tuple[str, ...]) -> list[Mistake]:
    """Names that are no file in the folder."""
    if not folder.is_dir():
        hint = near_files(folder)
        expected = "the folder of the images" + (f"; {hint}" if hint else "")
        return [Mistake(str(folder), "no such folder", expected)]
    missing = [name for name in files if not (folder / name).is_file()]
    mistakes = [
        Mistake(str(folder / name), "no such file", "an image") for name in missing[:MISTAKES_SHOWN]
    ]
    if len(missing) > MISTAKES_SHOWN:
        mistakes.append(Mistake(str(folder), f"{len(missing)} images missing", "none"))
    return mistakes


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Images by index, as (H, W, C) bytes of the model's frame.

    ``_crops`` is a cache: it changes what a read costs, never what it gives.
    """

    folder: Path
    files: tuple[str, ...]
    spec: ImageFolderSpec
    frame: FeatureMap
    _crops: dict[int, ByteArray] = field(default_factory=dict, repr=False, compare=False)

    def read(self, indices: IndexArray) -> ByteArray:
        """Images at ``indices``, (n, H, W, C).

        Raises:
            SpecError: if one cannot be decoded or does not fit the frame.
        """
        return np.stack([self._crop(int(index)) for index in indices])

    def _crop(self, index: int) -> ByteArray:
        cached = self._crops.get(index)
        if cached is not None:
            return cached
        crop = decode(self.folder / self.files[index], self.spec, self.frame)
        if (len(self._crops) + 1) * self.frame.words <= CROP_CACHE_LIMIT_BYTES:
            self._crops[index] = crop
        return crop


def decode(path: Path, spec: ImageFolderSpec, frame: FeatureMap) -> ByteArray:
    """One image, scaled and cut, (H, W, C).

    Scaling keeps the aspect ratio (the longer side is rounded down) and is bilinear with
    antialiasing; the crop's offset is half the rest, rounded.

    Raises:
        SpecError: if it cannot be decoded or does not fit the frame.
    """
    try:
        with Image.open(path) as opened:
            if opened.mode.startswith(("I", "F")):
                raise SpecError.at(path, opened.mode, "an image of 8 bits per channel")
            image = opened.convert("L" if frame.channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SpecError.at(path, str(error), "an image that can be decoded") from None
    if spec.resize is not None:
        short = min(image.size)
        width, height = (side * spec.resize // short for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    if spec.crop_size is not None:
        height, width = spec.crop_size
        if image.height < height or image.width < width:
            size = f"{image.height}x{image.width}"
            raise SpecError.at(path, size, f"at least {height}x{width}, the size of the crop")
        top, left = round((image.height - height) / 2), round((image.width - width) / 2)
        image = image.crop((left, top, left + width, top + height))
    if (image.height, image.width) != (frame.height, frame.width):
        size = f"{image.height}x{image.width}"
        raise SpecError.at(path, size, f"{frame.height}x{frame.width}, the model's input")
    return np.asarray(image, dtype=np.uint8).reshape(frame.height, frame.width, frame.channels)
