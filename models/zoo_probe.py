"""A network file imported, proved and folded, in a process of its own; says what came of it.

``python -m hass.models.zoo_probe MODEL.onnx --device u250 --design DESIGN.json`` prints a
``Finding`` as JSON.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import onnx

from hass import ops
from hass.cost import EngineKind
from hass.design import build_design, model_ref, provenance_now
from hass.design_file import write_design
from hass.device import Device, load_device
from hass.errors import HassError, UnsupportedNode, UnsupportedOpError
from hass.folding import FoldingPlan, solve
from hass.graph import macs_per_frame
from hass.measure import prove_equal
from hass.onnx_io import ImportedModel, read_model
from hass.validation import StrictRecord
from hass.values import Arithmetic, arithmetic_of

WORD_BITS = (16, 8)  # of all words: the first that fit
_PLUMBING = (ops.Input, ops.Output, ops.Fork)


class Finding(StrictRecord):
    """What came of a network file.

    Attributes:
        refused: why it cannot be imported, an operator each; empty if it can.
        ops: operators of its layers; where they are refused, of its nodes.
        layers: without input, output and forks.
        parameters: weights and biases that arrive, normalisations folded.
        macs: of one frame.
        relative_error: of its outputs against onnxruntime's of the file.
        unfolded: why it has no folding in words of 16 bit; empty if it has one.
        bits: of the words that it is folded with.
        frame_ii_cycles, fps: of the dense design.
        import_seconds, fold_seconds: of processor time.
    """

    refused: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()
    layers: int = 0
    parameters: int = 0
    macs: int = 0
    relative_error: float | None = None
    unfolded: str = ""
    bits: int = WORD_BITS[0]
    frame_ii_cycles: int | None = None
    fps: float | None = None
    import_seconds: float = 0.0
    fold_seconds: float = 0.0


def reasons(nodes: Sequence[UnsupportedNode]) -> tuple[str, ...]:
    """A line per operator: how many nodes, and why the first of them is refused."""
    counts = Counter(node.op for node in nodes)
    first = {node.op: node.reason for node in reversed(nodes)}
    return tuple(
        f"{op}{'' if count == 1 else f' ({count} nodes)'}: {first[op]}"
        for op, count in counts.items()
    )


def _operators(path: Path) -> tuple[str, ...]:
    """Of the file's nodes but those that only hand on."""
    graph = onnx.load(path, load_external_data=False).graph
    return tuple(sorted({node.op_type for node in graph.node} - {"Constant", "Identity"}))


def _imported(model: ImportedModel, error: float, seconds: float) -> Finding:
    graph = model.graph
    layers = [layer for layer in graph if not isinstance(layer.op, _PLUMBING)]
    return Finding(
        ops=tuple(sorted({ops.op_name(layer.op) for layer in layers})),
        layers=len(layers),
        parameters=sum(int(array.size) for array in model.weights.values()),
        macs=sum(macs_per_frame(graph, layer.name) for layer in layers),
        relative_error=error,
        import_seconds=seconds,
    )


def probe(path: Path, device_name: str | None, design: Path | None) -> Finding:
    """Import a file, prove it, and fold it.

    Args:
        path: an ONNX file.
        device_name: that is folded for; None: only imported and proved.
        design: where the folded design is written.
    """
    begin = time.process_time()
    try:
        model = read_model(path)
        import_seconds = time.process_time() - begin
        error = prove_equal(model)
    except UnsupportedOpError as refusal:
        return Finding(refused=reasons(refusal.nodes), ops=_operators(path))
    except HassError as refusal:
        first_line = str(refusal).splitlines()[0].removeprefix(f"{path}: ")
        return Finding(refused=(first_line,), ops=_operators(path))
    finding = _imported(model, error, import_seconds)
    if device_name is None:
        return finding
    device = load_device(device_name)
    begin = time.process_time()
    for bits in WORD_BITS:
        words = arithmetic_of(bits)
        plan = solve(model.graph, device, engines=frozenset({EngineKind.DENSE}), arithmetic=words)
        finding = finding.model_copy(
            update={"bits": bits, "fold_seconds": time.process_time() - begin}
        )
        if isinstance(plan, FoldingPlan):
            return _folded(finding, model, device, plan, words, design)
        if not finding.unfolded:
            why = f"{plan.resource}: {plan.demand:,} needed, {plan.budget:,} allowed"
            finding = finding.model_copy(update={"unfolded": why})
    return finding


def _folded(
    finding: Finding,
    model: ImportedModel,
    device: Device,
    plan: FoldingPlan,
    words: Arithmetic,
    design: Path | None,
) -> Finding:
    """The finding with a folding, which is written as a design."""
    if design is not None:
        made = build_design(model_ref(model), device, plan, provenance_now(), arithmetic=words)
        write_design(made, design)
    folded = {
        "frame_ii_cycles": plan.estimate.frame_ii_cycles,
        "fps": plan.estimate.throughput_fps,
    }
    return finding.model_copy(update=folded)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--device")
@click.option("--design", type=click.Path(path_type=Path))
def main(model: Path, device: str | None, design: Path | None) -> None:
    """Say what comes of a network file."""
    click.echo(probe(model, device, design).model_dump_json())


if __name__ == "__main__":
    main()
