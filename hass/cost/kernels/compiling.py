"""Compiling a function of arrays; what was compiled is kept where it can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Compiled = TypeVar("Compiled", bound=Callable[..., object])


def compiled(function: Compiled) -> Compiled:
    """A function compiled at its first call of each kind of arguments; numba keeps the result
    beside the source or in the user's cache, if it may write to one of them. It may call nothing
    from another file: numba looks at the time of this one only."""
    try:
        return cast(Compiled, njit(cache=True)(function))
    except RuntimeError:  # no place to keep it in
        return cast(Compiled, njit(function))
