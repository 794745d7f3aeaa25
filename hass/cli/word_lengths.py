"""``--bits-of``: word lengths of single layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import click

from ..errors import Mistake, SpecError
from ..graph import Graph
from ..near import nearest_or_all
from ..values import ACC_BITS, Arithmetic, Precision, arithmetic_of
from .common import F

_FLAG = "--bits-of"


def bits_of_option() -> Callable[[F], F]:
    """``--bits-of``: passed on as ``bits_of: tuple[str, ...]``, for ``word_lengths_of``."""
    return click.option(
        _FLAG,
        "bits_of",
        metavar="LAYER=BITS",
        multiple=True,
        help="Word length of a convolution, at most --bits; of several where LAYER has * or ?. Its "
        "input is rounded where it enters the layer. The last one that names a layer counts.",
    )


def word_lengths_of(graph: Graph, bits: int, texts: Sequence[str]) -> Precision:
    """Word lengths of a network.

    Args:
        graph: the network.
        bits: of all layers that ``texts`` do not name.
        texts: ``LAYER=BITS`` each; LAYER is a name, or a pattern with ``*``, ``?`` or ``[...]``.

    Raises:
        SpecError: listing all texts that name no convolution, or another number of bits.
    """
    names = [layer.name for layer in graph.convs]
    own: dict[str, Arithmetic] = {}
    mistakes = []
    legal = [str(known) for known in ACC_BITS if known <= bits]
    for text in texts:
        layer, equals, value = text.rpartition("=")
        if not equals:
            mistakes.append(Mistake(_FLAG, repr(text), "LAYER=BITS"))
            continue
        # a name may look like a pattern
        named = [layer] if layer in names else [n for n in names if fnmatchcase(n, layer)]
        if not named:
            expected = f"a convolution of the model; {nearest_or_all(layer, names)}"
            mistakes.append(Mistake(_FLAG, repr(layer), expected))
        if value not in legal:
            expected = f"{' or '.join(legal)} bits, as --bits is {bits}"
            mistakes.append(Mistake(_FLAG, repr(text), expected))
            continue
        own |= dict.fromkeys(named, arithmetic_of(int(value)))
    if mistakes:
        raise SpecError(mistakes)
    return Precision(arithmetic_of(bits), own)
