"""From a torch module to ONNX bytes that old and new tools read alike."""

from __future__ import annotations

import logging
import tempfile
import warnings
from enum import StrEnum
from pathlib import Path

import torch
from torch import nn

from hass.errors import SpecError

OPSET = 17
DYNAMO_OPSET = 18  # the least that it writes


class BatchDim(StrEnum):
    """The first dimension of the exported input and output."""

    SYMBOLIC = "symbolic"
    ONE = "one"


class Norms(StrEnum):
    """What becomes of BatchNormalization."""

    FOLD = "fold"  # into the convolution in front of it
    KEEP = "keep"  # as nodes of their own


class Exporter(StrEnum):
    """Which of torch's exporters writes."""

    TRACE = "trace"  # the older one; tools of any age read what it writes
    DYNAMO = "dynamo"  # the newer one, which needs onnxscript and always folds


def onnx_bytes(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    outputs: int = 1,
    batch: BatchDim = BatchDim.SYMBOLIC,
    norms: Norms = Norms.FOLD,
    exporter: Exporter = Exporter.TRACE,
) -> bytes:
    """The module in evaluation mode as ONNX: input ``input``, output ``output``.

    Of several outputs the names are ``output_0``, ``output_1`` ...; the opset is 17, of the newer
    exporter 18.

    Args:
        module: takes float32 (N, *input_shape); put into evaluation mode.
        input_shape: of one frame: channels, height, width, say.
        outputs: tensors that the module returns.
        batch: a symbolic batch dimension, or 1.
        norms: whether BatchNormalization is folded.
        exporter: which of torch's.

    Raises:
        SpecError: if the newer exporter is asked for and onnxscript is not installed.
    """
    module.eval()
    names = ["output"] if outputs == 1 else [f"output_{index}" for index in range(outputs)]
    frames = torch.zeros(1, *input_shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        match exporter:
            case Exporter.TRACE:
                _trace(module, frames, path, names, batch, norms)
            case Exporter.DYNAMO:
                _dynamo(module, frames, path, names, batch)
        return path.read_bytes()


def _trace(
    module: nn.Module,
    frames: torch.Tensor,
    path: Path,
    names: list[str],
    batch: BatchDim,
    norms: Norms,
) -> None:
    axes = None
    if batch is BatchDim.SYMBOLIC:
        axes = {name: {0: "batch"} for name in ("input", *names)}
    training = (
        torch.onnx.TrainingMode.EVAL if norms is Norms.FOLD else torch.onnx.TrainingMode.PRESERVE
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the older exporter
        torch.onnx.export(
            module,
            (frames,),
            path,
            input_names=["input"],
            output_names=names,
            dynamic_axes=axes,
            opset_version=OPSET,
            training=training,
            do_constant_folding=norms is Norms.FOLD,
            dynamo=False,
        )


def _dynamo(
    module: nn.Module, frames: torch.Tensor, path: Path, names: list[str], batch: BatchDim
) -> None:
    shapes = ({0: torch.export.Dim("batch")},) if batch is BatchDim.SYMBOLIC else None
    # it says that torchvision, whose operators it would know, is not there
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch's own code
            torch.onnx.export(
                module,
                (frames,),
                path,
                input_names=["input"],
                output_names=names,
                dynamic_shapes=shapes,
                opset_version=DYNAMO_OPSET,
                external_data=False,
                verbose=False,
                dynamo=True,
            )
    except ModuleNotFoundError as error:
        if error.name != "onnxscript":
            raise
        raise SpecError.at(
            "--exporter dynamo", "no module 'onnxscript'", "onnxscript: pip install onnxscript"
        ) from error
    finally:
        log.setLevel(level)
