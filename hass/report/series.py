"""One look for one design, in all pictures that tell designs apart.

A dense design that another one of the picture is measured against is hollow, in black or grey; all
others, and the searches that they are the best of, take the colours in the order given. So a design
keeps its colour from picture to picture, whether its dense one is shown with it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..design import Design
from . import svg


class Style(NamedTuple):
    """How a design is drawn; markers differ, as not all readers tell colours apart.

    Attributes:
        colour: of lines and edges.
        marker: Matplotlib's name of a point's shape.
        face: what points and bars are filled with.
    """

    colour: str
    marker: str
    face: str


SEARCHED = tuple(
    Style(colour, marker, colour)
    for colour, marker in zip(
        (svg.BLUE, svg.RED, svg.GREEN, svg.ORANGE, svg.PINK, svg.SKY, "#8a6d3b"),
        ("o", "s", "^", "D", "v", "P", "X"),
        strict=True,
    )
)
DENSE = (
    Style(svg.BLACK, "s", "white"),
    Style("#777777", "D", "white"),
    Style(svg.DARK_GREY, "^", "white"),
)


def series_styles(designs: Sequence[Design]) -> tuple[Style, ...]:
    """The styles of a picture's designs, in their order; from the eighth on they come again."""
    against = [design.dense.summary for design in designs if design.dense is not None]
    found: list[Style] = []
    dense = others = 0
    for design in designs:
        if design.dense is None and design.summary in against:
            found.append(DENSE[dense % len(DENSE)])
            dense += 1
        else:
            found.append(SEARCHED[others % len(SEARCHED)])
            others += 1
    return tuple(found)
