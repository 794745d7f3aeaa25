"""``hass import``: ONNX to the IR, with proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import ops
from ..files import JsonValue, write_text_atomic
from ..graph import Graph, Layer, macs_per_frame
from ..onnx_io import ImportedModel, read_model
from ..text import graph_to_json
from .common import (
    Cell,
    json_option,
    model_argument,
    output_option,
    print_json,
    print_table,
    progress,
    talk,
)

if TYPE_CHECKING:
    from ..measure import Proof


@click.command(
    epilog="\b\nExamples:\n  hass import model.onnx\n  hass import model.onnx -o graph.json --json"
)
@model_argument()
@output_option("Write the imported graph (graph.json).")
@click.option(
    "--prove/--no-prove",
    default=True,
    show_default=True,
    help="Run the original and the imported network and compare their outputs.",
)
@json_option()
def command(model: str, output: Path | None, prove: bool, as_json: bool) -> None:
    """Read an ONNX model, show its layers, prove that nothing was lost."""
    imported = read_model(model)
    proof = _proof(imported) if prove else None
    if output is not None:
        write_text_atomic(output, graph_to_json(imported.graph))
    if as_json:
        print_json(_json(imported, proof))
    else:
        _print(imported)
    if imported.head is not None:
        talk(
            f"the last {imported.head} is left to the host: the hardware puts out what it reads, "
            "whose largest word is of the same class"
        )
    for remark in imported.remarks:
        talk(f"dropped: {remark}")
    orders = [("input", imported.input_order)]
    orders += [("output", order) for order in imported.output_orders]
    for what, order in orders:
        if order is not None and not order.is_plain:
            talk(f"the file's {what} has another order of dimensions than (N, C, H, W)")
    _say(proof)


def _proof(model: ImportedModel) -> Proof:
    from ..measure import prove  # here, as onnxruntime is slow to load

    with progress("comparing with the original in onnxruntime"):
        return prove(model)


def _say(proof: Proof | None) -> None:
    if proof is None:
        talk("not proved: --no-prove was given")
        return
    if proof.type_error == 0:
        original = "the original's in onnxruntime"
    else:
        original = "the original's in float32, without its quantisers, in onnxruntime"
    if proof.rounding:
        original = original.replace("onnxruntime", "float64, by onnx's reference")
    talk(f"proved: outputs equal {original}, relative error {proof.error:.2g}")
    if proof.rounding:
        talk(f"rounding to float32 moves outputs by {proof.rounding:.2g} of the largest")
    if proof.type_error is None:
        talk("onnxruntime cannot run the original in its own types and with its quantisers")
    elif proof.type_error:
        talk(f"its own types and quantisers move outputs by {proof.type_error:.2g} of the largest")


def _parameters(model: ImportedModel, name: str) -> int:
    keys = (f"{name}.weight", f"{name}.bias")
    return sum(int(model.weights[key].size) for key in keys if key in model.weights)


def _window(layer: Layer) -> tuple[ops.Pair, ops.Pair] | None:
    match layer.op:
        case ops.Conv2d() | ops.MaxPool2d() | ops.AvgPool2d():
            return layer.op.kernel, layer.op.stride
        case _:
            return None


def _kernel(layer: Layer) -> str:
    """The kernel in words, with the rows and columns between its taps where there are any."""
    match layer.op:
        case ops.Conv2d() | ops.MaxPool2d() | ops.AvgPool2d() as op:
            apart = "" if op.dilation == (1, 1) else f" every {_by(op.dilation)}"
            return f"{_by(op.kernel)}{apart}"
        case _:
            return ""


def _groups(layer: Layer) -> int | None:
    return layer.op.groups if isinstance(layer.op, ops.Conv2d) else None


def _json(model: ImportedModel, proof: Proof | None) -> dict[str, JsonValue]:
    graph = model.graph
    layers: list[JsonValue] = []
    for layer in graph:
        window = _window(layer)
        layers.append(
            {
                "name": layer.name,
                "op": ops.op_name(layer.op),
                "in": [[m.height, m.width, m.channels] for m in graph.in_maps(layer.name)],
                "out": [layer.out.height, layer.out.width, layer.out.channels],
                "kernel": None if window is None else window[0],
                "stride": None if window is None else window[1],
                "groups": _groups(layer),
                "word_bits": model.word_bits.get(layer.name),
                "parameters": _parameters(model, layer.name),
                "macs_per_frame": macs_per_frame(graph, layer.name),
            }
        )
    return {
        "name": graph.name,
        "path": model.path,
        "sha256": model.sha256,
        "opset": model.opset,
        "producer": model.producer,
        "graph_digest": graph.digest,
        "weights_digest": model.weights.digest,
        "layers": layers,
        "parameters": sum(_parameters(model, layer.name) for layer in graph),
        "macs_per_frame": _macs(graph),
        "head": model.head,
        "max_relative_error": None if proof is None else proof.error,
        "rounding_relative_error": None if proof is None else proof.rounding,
        "type_relative_error": None if proof is None else proof.type_error,
        "remarks": list(model.remarks),
    }


def _macs(graph: Graph) -> int:
    return sum(macs_per_frame(graph, layer.name) for layer in graph)


def _op_words(op: ops.Op) -> str:
    return f"Curve {op.function}" if isinstance(op, ops.Curve) else ops.op_name(op)


def _by(pair: ops.Pair) -> str:
    return f"{pair[0]}x{pair[1]}"


def _print(model: ImportedModel) -> None:
    graph = model.graph
    rows: list[list[Cell]] = []
    for layer in graph:
        window = _window(layer)
        rows.append(
            [
                layer.name,
                _op_words(layer.op),
                " ".join(str(source) for source in graph.in_maps(layer.name)),
                str(layer.out),
                _kernel(layer),
                "" if window is None else _by(window[1]),
                _groups(layer),
                _parameters(model, layer.name) or None,
                macs_per_frame(graph, layer.name) or None,
            ]
        )
    total = sum(_parameters(model, layer.name) for layer in graph)
    print_table(
        ["layer", "op", "in (HxWxC)", "out", "kernel", "stride", "groups", "params", "MACs"],
        rows,
        title=f"{graph.name}: {len(graph.layers)} layers, opset {model.opset}",
        footer=["(all)", "", "", "", "", "", None, total, _macs(graph)],
    )
