"""The text that describes a data set: dataset.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from ..errors import Mistake, SpecError
from ..near import unreadable
from ..validation import FileFormat, StrictRecord, mistakes_of

SPEC_NAME = "dataset.toml"
Side = Annotated[int, pydantic.Field(ge=1)]
Positive = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, pydantic.Field(allow_inf_nan=False)]


class NpzSpec(StrictRecord):
    """``kind = "npz"``: arrays images, labels and optionally split in one file.

    Attributes:
        file: the .npz, relative to the TOML file.
        layout: order of the axes of ``images`` behind the first.
        mean, std: (x - mean) / std on the stored values; one per channel, or one for all.
        classes: labels are 0..classes-1.
    """

    kind: Literal["npz"]
    file: str
    layout: Literal["NHWC", "NCHW"]
    mean: list[Finite]
    std: list[Positive]
    classes: Side


class ImageFolderSpec(StrictRecord):
    """``kind = "image-folder"``: image files, and a CSV with columns file, label[, split].

    Attributes:
        folder: of the images, relative to the TOML file.
        labels: the CSV, relative to the TOML file; further columns are ignored.
        resize: length of the shorter side after bilinear scaling; None: not scaled.
        crop: side of the square, or [height, width], cut from the centre; None: not cut.
        layout: of a decoded image, always NHWC.
        mean, std: (x - mean) / std on 0..255 values; one per channel, or one for all.
        classes: labels are 0..classes-1.
    """

    kind: Literal["image-folder"]
    folder: str
    labels: str
    resize: Side | None = None
    crop: Side | Annotated[list[Side], pydantic.Field(min_length=2, max_length=2)] | None = None
    layout: Literal["NHWC"] = "NHWC"
    mean: list[Finite]
    std: list[Positive]
    classes: Side

    @property
    def crop_size(self) -> tuple[int, int] | None:
        """Height and width of the crop."""
        if isinstance(self.crop, list):
            return self.crop[0], self.crop[1]
        return None if self.crop is None else (self.crop, self.crop)


DataSpec = NpzSpec | ImageFolderSpec


class _File(pydantic.RootModel[Annotated[DataSpec, pydantic.Field(discriminator="kind")]]):
    pass


FORMAT = FileFormat(
    SPEC_NAME, "labelled images, and how they become the network's input", _File.model_json_schema
)


def read_spec(path: Path, channels: int) -> DataSpec:
    """The content of a dataset.toml.

    Args:
        path: the file.
        channels: of the model's input; mean and std must be one per channel, or one for all.

    Raises:
        SpecError: if it cannot be read, or listing all mistakes in it.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error, "a readable data set description (TOML)") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError.at(path, str(error), "a TOML file") from None
    try:
        spec = _File.model_validate(content).root
    except pydantic.ValidationError as error:
        raise mistakes_of(error, path, _File.model_json_schema) from None
    mistakes = [
        Mistake(f"{path}: {name}", repr(values), f"1 or {channels} values (the model's channels)")
        for name, values in (("mean", spec.mean), ("std", spec.std))
        if len(values) not in (1, channels)
    ]
    if mistakes:
        raise SpecError(mistakes)
    return spec
