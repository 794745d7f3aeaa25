"""What other tools' configurations can say: one word length, and one output."""

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


def check_one_output(source: ExportSource, target: str) -> None:
    """Refuse a network with several outputs.

    Raises:
        SpecError: naming them.
    """
    outputs = source.graph.outputs
    if len(outputs) > 1:
        names = ", ".join(layer.name for layer in outputs)
        raise SpecError.at(f"--to {target}", f"outputs {names}", "a network with one output")
