"""Designs with one word length, which is all that some tools' configurations can say."""

from __future__ import annotations

from ..errors import Mistake, SpecError
from .exporter import ExportSource


def check_uniform(source: ExportSource, target: str) -> None:
    """Refuse a design with layers that have word lengths of their own.

    Raises:
        SpecError: naming them.
    """
    mistakes = [
        Mistake(
            f"--to {target}, layer {name!r}",
            f"words of {own.act_bits} bits, weights of {own.weight_bits}",
            f"the word lengths of all other layers ({words.act_bits} and {words.weight_bits} "
            "bits): fold with one --bits, or export --to onnx, which takes any",
        )
        for words in (source.design.arithmetic,)
        for name, own in source.design.layer_arithmetic.items()
    ]
    if mistakes:
        raise SpecError(mistakes)
