"""Kinds of option values whose refusals say what was meant or what there is."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..near import NAMES_SHOWN, near_names, nearest_or_all


def not_among(name: str, known: Sequence[str]) -> str:
    """What is said of a name that is none of those known; all of them are named if they are few.

    >>> not_among("tpee", ("default", "tpe"))
    "'tpee' is not one of default, tpe; did you mean tpe?"
    """
    if len(known) > NAMES_SHOWN:
        return f"no {name!r}; {nearest_or_all(name, known)}"
    hint = near_names(name, known)
    return f"{name!r} is not one of {', '.join(known)}" + (f"; {hint}" if hint else "")


class Choice(click.Choice[str]):
    """One of some names; others are answered with the nearest."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            raise click.BadParameter(not_among(value, tuple(self.choices)), ctx, param) from None


class Number(click.FloatRange):
    """A number within bounds."""

    name = "number"


class Count(click.IntRange):
    """A whole number within bounds."""

    name = "integer"
