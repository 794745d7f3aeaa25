"""``hass export --to onnx``: the pruned, clipped, quantised network, for any ONNX runtime."""

from __future__ import annotations

import io
from importlib import resources

import numpy as np
import numpy.typing as npt
import onnx

from .. import ops
from ..fixed_point import dequantise
from ..reference import run_reference
from ..sparsity import act_thresholds_of
from .annotations import design_metadata, folding_words, worked_layers
from .exporter import Export, Exporter, ExportSource, Fate, Remark
from .onnx_exact import ExactWriter, step_of
from .onnx_network import OnnxNetwork, onnx_network
from .onnx_qdq import MAX_WORD_BITS, QdqWriter
from .uniform import check_one_output

FRAMES_AT_ONCE = 16  # in the reference
EXACT_MODEL, QDQ_MODEL = "model.onnx", "model_qdq.onnx"

_README = """\
# {network}: as hass computes it, in ONNX

Weights of {weight_bits} bits, words of {act_bits} bits, accumulators of {acc_bits} bits; steps are
powers of two. {own}{clips}

| file | what it is |
|---|---|
| {exact} | the hardware's numbers bit for bit, in plain operators and float64; opset 17 |
{qdq_row}| input.npy | {count} frames (N, C, H, W), float32. {origin} |
| expected_output.npy | what hass's integer reference, and the emitted hardware, makes of them |
| output_step.npy | the value of the output format's 1 |
{labels_row}| check.py | runs the models on input.npy; needs onnxruntime and numpy only |
| remarks.csv | what became of each layer |

Both models take float32 frames under `input` and give float32 under `output`. Nodes have the names
of hass's layers; helpers begin with that name and a slash. A node's description says its folding,
cycles and number format; the model's metadata (`hass.foldings`, `hass.arithmetic`, `hass.settings`,
`hass.output_frac_bits`, ...) says the same as JSON. ONNX has no other place for hardware.

## {exact}

Tensors hold the words' values, so any of them can be compared with another tool's. Rounding is half
up, `Floor(x / scale + 0.5)`; words saturate by `Clip`; accumulators that could overflow wrap.
Convolutions are MatMuls in float64, since float32 sums are exact up to 2**24 only. Runs on any
execution provider with float64, at a multiple of the time of a float32 network: it is for checks.
{qdq}"""

_QDQ_ROW = f"| {QDQ_MODEL} | QuantizeLinear and DequantizeLinear around operators; opset 21 |\n"
_QDQ = f"""
## {QDQ_MODEL}

For tools that read QDQ models, and for speed. Needs onnxruntime 1.18 (int16 words) or, for weights
of 4 bits, 1.19. It departs from the hardware, by how much `check.py` says, because

- QuantizeLinear rounds halves to even, the hardware up;
- a runtime sums a Conv in float32 (24 bits), or saturates in int32, the hardware wraps;
- functions of each word (Sigmoid, Gelu, ...) are those of float32, the hardware's have a table or a
  gate rounded to its word; averages are divided, the hardware multiplies by a reciprocal;
- a word that comes out a step beside a clip's threshold is kept here and zero there: few frames,
  but those by more than a few steps.
"""


def npy_bytes(array: npt.NDArray[np.generic]) -> bytes:
    """An array as a .npy file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def expected_outputs(source: ExportSource) -> npt.NDArray[np.float32]:
    """What the integer reference makes of the source's frames, (N, C, H, W), or (N, C) where the
    output is a single position. Exact in float32, as words have at most 18 bits."""
    graph, formats, images = source.graph, source.formats, source.frames.images
    sink = graph.of_type(ops.Output)[0]
    thresholds = act_thresholds_of(source.design.settings)
    parts = []
    for start in range(0, len(images), FRAMES_AT_ONCE):
        some = images[start : start + FRAMES_AT_ONCE]
        words = run_reference(graph, source.weights, formats, thresholds, some)[sink.name]
        parts.append(dequantise(words, formats.outputs[sink.name]).astype(np.float32))
    values = np.concatenate(parts)
    return values.reshape(len(images), -1) if sink.out.pixels == 1 else values


def _models(source: ExportSource, network: OnnxNetwork) -> dict[str, str | bytes]:
    name, metadata = source.graph.name, design_metadata(source)
    exact = ExactWriter(network).write(f"{name}, bit for bit as hass's hardware", metadata)
    models = {EXACT_MODEL: exact}
    if _has_qdq(source):
        doc = f"{name} in hass's number formats, near to its hardware"
        models[QDQ_MODEL] = QdqWriter(network).write(doc, metadata)
    for model in models.values():
        onnx.checker.check_model(model, full_check=True)
    return {file: model.SerializeToString(deterministic=True) for file, model in models.items()}


def _has_qdq(source: ExportSource) -> bool:
    precision = source.design.precision
    lengths = (precision.default, *precision.layers.values())
    return max(max(words.act_bits, words.weight_bits) for words in lengths) <= MAX_WORD_BITS


def _own_lengths(source: ExportSource) -> str:
    own = source.design.layer_arithmetic
    if not own:
        return ""
    layers = ", ".join(
        f"{name} ({words.weight_bits}, {words.act_bits}, {words.acc_bits})"
        for name, words in own.items()
    )
    return f"Of their own have: {layers}; what comes to them is rounded to their words.\n"


def _labels_row(source: ExportSource, expected: npt.NDArray[np.float32]) -> str:
    labels = np.asarray(source.frames.labels)
    if not labels.size:
        return ""
    right = int((expected.reshape(len(labels), -1).argmax(axis=1) == labels).sum())
    says = f"expected_output.npy has {right} of {labels.size} right (top-1 {right / labels.size:g})"
    return f"| labels.npy | the class of each frame; {says} |\n"


def _readme(source: ExportSource, expected: npt.NDArray[np.float32]) -> str:
    arithmetic, clipped = source.design.arithmetic, act_thresholds_of(source.design.settings)
    clips = "No activations are clipped."
    if clipped:
        clips = f"Small activations are clipped to zero in front of {len(clipped)} convolutions."
    has_qdq = _has_qdq(source)
    return _README.format(
        network=source.graph.name,
        weight_bits=arithmetic.weight_bits,
        act_bits=arithmetic.act_bits,
        acc_bits=arithmetic.acc_bits,
        own=_own_lengths(source),
        clips=clips,
        exact=EXACT_MODEL,
        count=len(source.frames.images),
        origin=source.frames.origin,
        qdq_row=_QDQ_ROW if has_qdq else "",
        labels_row=_labels_row(source, expected),
        qdq=_QDQ if has_qdq else "",
    )


def _remarks(source: ExportSource, inexact: frozenset[str]) -> tuple[Remark, ...]:
    remarks = [
        Remark(
            "",
            Fate.LEFT_OUT,
            "the hardware (foldings, FIFOs, memories): ONNX describes functions; it is in the "
            "metadata and in the nodes' descriptions, for people and scripts",
        )
    ]
    if _has_qdq(source):
        remarks.append(
            Remark(
                "",
                Fate.APPROXIMATED,
                f"{QDQ_MODEL} rounds halves to even, sums in float32 and does not wrap; check.py "
                f"says how far it is from {EXACT_MODEL}, which is exact",
            )
        )
    else:
        remarks.append(
            Remark(
                "",
                Fate.LEFT_OUT,
                f"{QDQ_MODEL}: QuantizeLinear has words of {MAX_WORD_BITS} bits at most",
            )
        )
    foldings = source.design.plan.foldings
    for name in worked_layers(source):
        if isinstance(source.graph[name].op, ops.Fork):
            remarks.append(Remark(name, Fate.EXACT, "a tensor with several readers"))
        elif name in inexact:
            what = "sums may exceed the 53 bits of float64: then near, not equal"
            remarks.append(Remark(name, Fate.APPROXIMATED, what))
        else:
            what = f"node {name} of {EXACT_MODEL}, bit for bit; {folding_words(foldings[name])}"
            remarks.append(Remark(name, Fate.EXACT, what))
    return tuple(remarks)


def _export(source: ExportSource) -> Export:
    check_one_output(source, "onnx")
    network = onnx_network(source)
    sink = source.graph.of_type(ops.Output)[0].name
    step = step_of(source.formats.outputs[sink])
    expected = expected_outputs(source)
    script = resources.files("hass.export").joinpath("check_onnx.txt").read_text(encoding="utf-8")
    files: dict[str, str | bytes] = {
        **_models(source, network),
        "README.md": _readme(source, expected),
        "check.py": script,
        "input.npy": npy_bytes(source.frames.images),
        "expected_output.npy": npy_bytes(expected),
        "output_step.npy": npy_bytes(np.asarray(step)),
    }
    if source.frames.labels:
        files["labels.npy"] = npy_bytes(np.asarray(source.frames.labels, dtype=np.int64))
    return Export(files, _remarks(source, network.inexact_convs))


EXPORTER = Exporter("The quantised network: exact, and as QDQ; with frames to check it.", _export)
