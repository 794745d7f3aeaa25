"""``--bits-of``: word lengths of single layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import click

from ..errors import Mistake, SpecError
from ..near import nearest_or_all
from ..onnx_io import ImportedModel
from ..values import ACC_BITS, Arithmetic, Precision, arithmetic_of
from .common import F

_FLAG = "--bits-of"
DEFAULT_BITS = 16


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


def word_lengths_of(model: ImportedModel, bits: int | None, texts: Sequence[str]) -> Precision:
    """Word lengths of a network.

    Args:
        model: the network.
        bits: of all layers that ``texts`` do not name; None: those of the model, where it is
            quantised, and 16.
        texts: ``LAYER=BITS`` each; LAYER is a name, or a pattern with ``*``, ``?`` or ``[...]``.

    Raises:
        SpecError: listing all texts that name no convolution, or another number of bits.
    """
    graph = model.graph
    own: dict[str, Arithmetic] = {}
    if bits is None:
        given = quantised_bits(model)
        alike = set(given.values())
        # the streams of a network that is quantised throughout are as narrow as its operands
        whole = len(given) == len(graph.convs) and len(alike) == 1
        bits = alike.pop() if whole else DEFAULT_BITS
        own = {name: arithmetic_of(length) for name, length in given.items()}
    names = [layer.name for layer in graph.convs]
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


def quantised_bits(model: ImportedModel) -> dict[str, int]:
    """Convolution -> the word length, of those there are, that holds its quantised operands."""
    lengths = sorted(ACC_BITS)
    return {
        name: next((length for length in lengths if length >= bits), lengths[-1])
        for name, bits in model.word_bits.items()
        if name in model.graph
    }
