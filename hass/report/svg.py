"""Matplotlib figures as accessible SVG text that is the same, byte for byte, for the same data."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .words import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

# Okabe and Ito's palette: told apart under all common colour blindness (jfly.uni-koeln.de/color).
BLACK, ORANGE, SKY, GREEN = "#000000", "#e69f00", "#56b4e9", "#009e73"
BLUE, RED, PINK, GREY = "#0072b2", "#d55e00", "#cc79a7", "#8c8c8c"
DARK_GREY, GRID = "#444444", "#dddddd"

_STYLE: dict[str, bool | float | str | list[str]] = {
    "svg.fonttype": "none",  # text stays text: searchable, readable aloud
    "svg.hashsalt": "hass",  # ids do not depend on the process
    "text.parse_math": False,  # a layer may be called "$x"
    "text.usetex": False,
    # DejaVu ships with matplotlib, so widths are the same everywhere
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.axisbelow": True,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": GRID,
    "legend.frameon": False,
    "figure.dpi": 72.0,
}


@contextmanager
def drawing() -> Iterator[None]:
    """The settings that all figures are made and saved under, whatever the user's matplotlibrc."""
    from matplotlib import style

    with warnings.catch_warnings(), style.context(dict(_STYLE), after_reset=True):
        # names in scripts that the layout font lacks: the reader's browser has them
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def figure(width_inches: float, height_inches: float) -> Figure:
    """An empty figure that no window and no global state knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inches, height_inches))


def to_svg(
    drawn: Figure,
    key: str,
    title: str,
    description: str,
    tips: Mapping[str, str] | None = None,
    *,
    crop: bool = True,
) -> str:
    """A figure as an SVG element that can stand alone or inside HTML.

    Args:
        drawn: the figure; call within ``drawing()``.
        key: prefix of all ids, so that several pictures can share a page.
        title: name of the picture for screen readers.
        description: what it shows, in words.
        tips: gid of an artist -> text shown when the pointer rests on it.
        crop: whether to cut empty margins; figures that are stacked keep them to stay aligned.
    """
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    box = "tight" if crop else None
    drawn.savefig(buffer, format="svg", metadata=metadata, bbox_inches=box)
    root = ET.fromstring(buffer.getvalue())
    for block in root.findall(f"{{{SVG}}}metadata"):
        root.remove(block)
    _prefix_ids(root, key)
    for gid, text in (tips or {}).items():
        target = root.find(f".//*[@id='{key}-{gid}']")
        if target is not None:
            tip = ET.Element(f"{{{SVG}}}title")
            tip.text = shown(text)
            target.insert(0, tip)
    name, words = ET.Element(f"{{{SVG}}}title"), ET.Element(f"{{{SVG}}}desc")
    name.text, words.text = shown(title), shown(description)
    name.set("id", f"{key}-title")
    words.set("id", f"{key}-desc")
    root.insert(0, name)
    root.insert(1, words)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    ET.register_namespace("", SVG)
    return ET.tostring(root, encoding="unicode") + "\n"


def _prefix_ids(root: ET.Element, key: str) -> None:
    """Make ids and the references to them start with ``key``; plain href instead of xlink's."""
    for element in root.iter():
        for attribute, value in list(element.attrib.items()):
            if attribute == "id":
                element.set("id", f"{key}-{value}")
            elif attribute == f"{{{XLINK}}}href":
                del element.attrib[attribute]
                element.set("href", f"#{key}-{value[1:]}")
            elif "url(#" in value:
                element.set(attribute, re.sub(r"url\(#", f"url(#{key}-", value))
