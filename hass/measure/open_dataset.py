"""From a path to a data set, or to all that is wrong with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import Mistake, SpecError
from ..near import unreadable
from ..values import FeatureMap
from .data_spec import SPEC_NAME, ImageFolderSpec, NpzSpec, read_spec
from .dataset import Dataset
from .image_folder import ImageFiles, missing_files, read_labels
from .npz_file import NumericArray, read_arrays
from .splits import IndexArray, Split, given_splits, label_mistakes, seeded_splits, shuffled

_EXPECTED = (
    f"an .npz or a TOML file, or a folder with {SPEC_NAME} (`hass profile --help` shows one)"
)


@dataclass(frozen=True, slots=True, eq=False)
class _StoredImages:
    """An array (perhaps memory-mapped) as a source."""

    array: NumericArray

    def read(self, indices: IndexArray) -> NumericArray:
        """Images at ``indices``."""
        return self.array[indices]


def open_dataset(path: str | Path, frame: FeatureMap, *, seed: int = 0) -> Dataset:
    """Open labelled images for a model.

    Images that carry no split get one by the rule of ``splits.seeded_splits``: 20 % calibration,
    40 % selection, 40 % test, in an order drawn by the seed.

    Args:
        path: a folder with dataset.toml, such a TOML file, or an .npz with images (N, C, H, W),
            or (N, H, W, C) where only that fits (or (N, H, W) for one channel, (N, C, L) for one
            row or column, (N, C) for a 1x1 map), labels (N,) and perhaps split (N,) that fits the
            model as it is.
        frame: the model's input.
        seed: of the split rule.

    Raises:
        SpecError: naming file, place, value and what was expected; all mistakes at once.
    """
    file = Path(path)
    if file.is_dir():
        file = file / SPEC_NAME
    if not file.is_file():
        named = file if Path(path).is_dir() else Path(path)
        raise unreadable(named, None, _EXPECTED)
    if file.suffix == ".npz":
        return _open_npz(file, None, file, frame, seed)
    if file.suffix != ".toml":
        raise SpecError.at(file, file.suffix, _EXPECTED)
    spec = read_spec(file, frame.channels)
    if isinstance(spec, NpzSpec):
        return _open_npz(file.parent / spec.file, spec, file, frame, seed)
    return _open_folder(spec, file, frame, seed)


def _name(file: Path) -> str:
    return file.absolute().parent.name if file.name == SPEC_NAME else file.stem


def _splits(
    words: tuple[str, ...] | None, count: int, seed: int, where: object
) -> tuple[tuple[Split, ...], str, list[Mistake]]:
    """Splits, the rule in words, mistakes."""
    if words is not None:
        splits, mistakes = given_splits(words, where)
        return splits, "as given by the data", mistakes
    rule = f"20 % calibration, 40 % selection, 40 % test by SHA-256 of the index, seed {seed}"
    return seeded_splits(count, seed), rule, []


def _by_split(splits: tuple[Split, ...]) -> dict[Split, IndexArray]:
    result = {}
    for split in Split:
        members = np.array([i for i, s in enumerate(splits) if s is split], dtype=np.int64)
        result[split] = members[shuffled(members.size, f"order-{split}")]
    return result


def _digest(*parts: str | bytes | IndexArray) -> str:
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else bytes(part)
        state.update(f"{len(data)}:".encode())
        state.update(data)
    return state.hexdigest()


def _fitting(layout: str, frame: FeatureMap) -> list[tuple[int, ...]]:
    """Shapes of an image of a layout; dimensions of one element may be left out."""
    height, width, channels = frame.height, frame.width, frame.channels
    last = layout == "NHWC"
    fitting: list[tuple[int, ...]] = [
        (height, width, channels) if last else (channels, height, width)
    ]
    if channels == 1:
        fitting.append((height, width))
    if 1 in (height, width):
        length = max(height, width)
        fitting.append((length, channels) if last else (channels, length))
    if frame.pixels == 1:
        fitting.append((channels,))
    return fitting


def _shape_mistakes(
    shape: tuple[int, ...], layout: str, frame: FeatureMap, where: object
) -> list[Mistake]:
    fitting = _fitting(layout, frame)
    if shape[1:] in fitting:
        return []
    wanted = " or ".join("(N, " + ", ".join(str(n) for n in sizes) + ")" for sizes in fitting)
    return [
        Mistake(
            f"{where}: images", f"shape {shape}", f"{wanted} ({layout}), the model's {frame} input"
        )
    ]


def _own_layout(shape: tuple[int, ...], frame: FeatureMap) -> str:
    """Of images that no file describes: channels last where only that fits."""
    is_last = shape[1:] in _fitting("NHWC", frame) and shape[1:] not in _fitting("NCHW", frame)
    return "NHWC" if is_last else "NCHW"


def _open_npz(
    file: Path, spec: NpzSpec | None, where: Path, frame: FeatureMap, seed: int
) -> Dataset:
    arrays = read_arrays(file, ("images", "labels"), ("split",))
    images, labels = arrays["images"], arrays["labels"]
    layout = _own_layout(images.shape, frame) if spec is None else spec.layout
    mistakes = _shape_mistakes(images.shape, layout, frame, file)
    if not (np.issubdtype(images.dtype, np.integer) or np.issubdtype(images.dtype, np.floating)):
        mistakes.append(Mistake(f"{file}: images", f"type {images.dtype}", "numbers"))
    for name, array in arrays.items():
        if name != "images" and array.shape != images.shape[:1]:
            expected = f"({images.shape[0] if images.ndim else 'N'},), one per image"
            mistakes.append(Mistake(f"{file}: {name}", f"shape {array.shape}", expected))
    if not np.issubdtype(labels.dtype, np.integer):
        mistakes.append(Mistake(f"{file}: labels", f"type {labels.dtype}", "integers"))
    if not mistakes and labels.size == 0:
        mistakes.append(Mistake(f"{file}: images", "no images", "at least one"))
    if mistakes:
        raise SpecError(mistakes)
    classes_of = labels.astype(np.int64)
    classes = max(int(classes_of.max()) + 1, 1) if spec is None else spec.classes
    mistakes += label_mistakes(classes_of, classes, file)
    words = tuple(str(word) for word in arrays["split"]) if "split" in arrays else None
    splits, rule, wrong = _splits(words, labels.size, seed, file)
    if mistakes + wrong:
        raise SpecError(mistakes + wrong)
    with file.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").digest()
    return Dataset(
        name=_name(where),
        where=str(file),
        frame=frame,
        classes=classes,
        classes_known=spec is not None,
        digest=_digest(content, "" if spec is None else repr(spec), "".join(s[0] for s in splits)),
        split_rule=rule,
        layout=layout,
        mean=np.array([0.0] if spec is None else spec.mean, dtype=np.float32),
        std=np.array([1.0] if spec is None else spec.std, dtype=np.float32),
        labels=classes_of,
        indices=_by_split(splits),
        source=_StoredImages(images),
    )


def _open_folder(spec: ImageFolderSpec, where: Path, frame: FeatureMap, seed: int) -> Dataset:
    if frame.channels not in (1, 3):
        raise SpecError.at(
            f"{where}: kind", spec.kind, f"npz: the model's input has {frame.channels} channels"
        )
    size = spec.crop_size
    if size is not None and size != (frame.height, frame.width):
        raise SpecError.at(
            f"{where}: crop", spec.crop, f"{frame.height}x{frame.width}, the model's input"
        )
    folder, table_path = where.parent / spec.folder, where.parent / spec.labels
    table = read_labels(table_path)
    splits, rule, mistakes = _splits(table.splits, len(table.files), seed, table_path)
    mistakes += label_mistakes(table.labels, spec.classes, table_path)
    mistakes += missing_files(folder, table.files)
    if mistakes:
        raise SpecError(mistakes)
    sizes = ",".join(str((folder / name).stat().st_size) for name in table.files)
    return Dataset(
        name=_name(where),
        where=str(table_path),
        frame=frame,
        classes=spec.classes,
        classes_known=True,
        digest=_digest(
            repr(spec), "/".join(table.files), sizes, table.labels, "".join(s[0] for s in splits)
        ),
        split_rule=rule,
        layout=spec.layout,
        mean=np.array(spec.mean, dtype=np.float32),
        std=np.array(spec.std, dtype=np.float32),
        labels=table.labels,
        indices=_by_split(splits),
        source=ImageFiles(folder, table.files, spec, frame),
    )
