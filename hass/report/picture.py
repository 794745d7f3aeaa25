"""A picture that shows itself in a notebook, and goes into a file or a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..errors import SpecError
from ..files import write_bytes_atomic
from . import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg")
CSS_DPI = 96.0  # of a browser's pixels (CSS Values and Units, 6.2)
NOTEBOOK_DPI = 1.5 * CSS_DPI  # sharp on dense screens, too
_WIDTH_OFFSET = 16  # bytes before the width in a PNG file (PNG 1.2, 11.2.2)


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure with what readers who cannot see it are told.

    Attributes:
        figure: Matplotlib's, for those who want to change it; made within ``svg.drawing()``.
        key: prefix of all ids, so that several pictures can share a page.
        title: name of the picture for screen readers.
        description: what it shows, in words.
        tips: gid of an artist -> text shown when the pointer rests on it (SVG only).
        crop: whether to cut empty margins; figures that are stacked keep them to stay aligned.
    """

    figure: Figure = field(repr=False)
    key: str = field(repr=False)
    title: str
    description: str = field(repr=False)
    tips: Mapping[str, str] = field(default_factory=dict, repr=False)
    crop: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tips", MappingProxyType(dict(self.tips)))

    def svg(self) -> str:
        """An SVG element, the same for the same data, that can stand alone or inside HTML."""
        with svg.drawing():
            return svg.to_svg(
                self.figure, self.key, self.title, self.description, self.tips, crop=self.crop
            )

    def png(self, dots_per_inch: float = NOTEBOOK_DPI) -> bytes:
        """A PNG file's content."""
        buffer = io.BytesIO()
        box = "tight" if self.crop else None
        with svg.drawing():
            self.figure.savefig(
                buffer,
                format="png",
                dpi=dots_per_inch,
                bbox_inches=box,
                facecolor="white",
                metadata={"Software": None},
            )
        return buffer.getvalue()

    def save(self, path: str | Path) -> None:
        """Write the picture, whole or not at all.

        Raises:
            SpecError: if the name ends in neither .png nor .svg.
            OutputError: if the file cannot be written.
        """
        match Path(path).suffix.lower():
            case ".png":
                write_bytes_atomic(path, self.png())
            case ".svg":
                write_bytes_atomic(path, self.svg().encode())
            case suffix:
                raise SpecError.at(path, suffix, f"a name that ends in {' or '.join(FORMATS)}")

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """For notebooks: PNG, as every front end and every host of notebooks shows it."""
        data = self.png()
        pixels = int.from_bytes(data[_WIDTH_OFFSET : _WIDTH_OFFSET + 4], "big")
        return data, {"width": round(pixels * CSS_DPI / NOTEBOOK_DPI)}


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures that belong below each other; shows itself as one.

    Attributes:
        pictures: from the top.
    """

    pictures: tuple[Picture, ...]

    def _repr_html_(self) -> str:
        return "".join(map(_html_image, self.pictures))


def _html_image(picture: Picture) -> str:
    data, size = picture._repr_png_()
    source = "data:image/png;base64," + base64.b64encode(data).decode()
    shape = f'width="{size["width"]}" style="max-width: 100%; height: auto"'
    return f'<img {shape} alt="{escape(picture.title)}" src="{source}">'
