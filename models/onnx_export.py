"""From a torch module to ONNX bytes that old and new tools read alike."""

from __future__ import annotations

import tempfile
import warnings
from enum import StrEnum
from pathlib import Path

import torch
from torch import nn

OPSET = 17


class BatchDim(StrEnum):
    """The first dimension of the exported input and output."""

    SYMBOLIC = "symbolic"
    ONE = "one"


class Norms(StrEnum):
    """What becomes of BatchNormalization."""

    FOLD = "fold"  # into the convolution in front of it
    KEEP = "keep"  # as nodes of their own


def onnx_bytes(
    module: nn.Module,
    input_chw: tuple[int, int, int],
    *,
    batch: BatchDim = BatchDim.SYMBOLIC,
    norms: Norms = Norms.FOLD,
) -> bytes:
    """The module in evaluation mode as ONNX: opset 17, input ``input``, output ``output``.

    The older, tracing exporter of torch is used on purpose: the newer one writes graphs that
    older tools refuse.

    Args:
        module: takes float32 (N, C, H, W); put into evaluation mode.
        input_chw: channels, height, width of one frame.
        batch: a symbolic batch dimension, or 1.
        norms: whether BatchNormalization is folded.
    """
    module.eval()
    axes = {"input": {0: "batch"}, "output": {0: "batch"}} if batch is BatchDim.SYMBOLIC else None
    training = (
        torch.onnx.TrainingMode.EVAL if norms is Norms.FOLD else torch.onnx.TrainingMode.PRESERVE
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "model.onnx"
        warnings.simplefilter("ignore", DeprecationWarning)  # of the older exporter
        torch.onnx.export(
            module,
            (torch.zeros(1, *input_chw),),
            path,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes=axes,
            opset_version=OPSET,
            training=training,
            do_constant_folding=norms is Norms.FOLD,
            dynamo=False,
        )
        return path.read_bytes()
