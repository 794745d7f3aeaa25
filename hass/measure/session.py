"""onnxruntime, and nothing of it beyond this file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import ProfileError
from ..graph import FloatArray
from ..onnx_io import DoubleModel
from ..threads import thread_count

_TYPES = {"float": np.float32, "float16": np.float16, "double": np.float64}
_NOTHING_MORE: Mapping[str, FloatArray] = MappingProxyType({})
_FOLDER_ENTRY = "session.model_external_initializers_file_folder_path"
_ERRORS_ONLY = 3  # onnxruntime's log level: no warnings about what it optimises


def _runtime_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: classes of its own with no common base."""
    from onnxruntime.capi import (  # type: ignore[import-untyped]
        onnxruntime_pybind11_state as state,
    )

    own = [
        kind
        for kind in vars(state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    return (*own, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True)
class Session:
    """A network that onnxruntime, or onnx's reference in float64, runs on the CPU.

    Attributes:
        input_name, input_shape: of the only input; a symbolic size is None.
        input_type: "float", "float16" or "double".
        output_names: in the order of the file.
    """

    input_name: str
    input_shape: tuple[int | None, ...]
    input_type: str
    output_names: tuple[str, ...]
    _session: Any

    def run(
        self,
        names: tuple[str, ...],
        images: FloatArray,
        more: Mapping[str, FloatArray] = _NOTHING_MORE,
    ) -> tuple[FloatArray, ...]:
        """Outputs by name for one batch; ``more`` are the further inputs by name.

        Raises:
            ProfileError: if onnxruntime cannot run it.
        """
        feed = images.astype(_TYPES[self.input_type], copy=False)
        try:
            outputs = self._session.run(list(names), {self.input_name: feed, **more})
        except _runtime_errors() as error:
            raise ProfileError(
                f"onnxruntime cannot run the network: {_first_line(error)}"
            ) from None
        with np.errstate(over="ignore"):  # of float64: infinite, as float32 would have made it
            return tuple(np.asarray(output, dtype=np.float32) for output in outputs)


def double_session(model: DoubleModel) -> Session:
    """The same of a model that onnx's reference runs in float64; outputs are rounded to float32."""
    return Session(model.input_name, model.input_shape, "double", model.output_names, model)


def open_session(
    model: bytes | str | Path, more: Collection[str] = (), folder: Path | None = None
) -> Session:
    """Load a network from its bytes or its file.

    onnxruntime is imported here, so that importing hass does not pay for it.

    Args:
        model: the network.
        more: its inputs besides the images.
        folder: where the external data of a model in bytes lie.

    Raises:
        ProfileError: if onnxruntime refuses it, or it has not exactly one input for images.
    """
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count()
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # idle threads of onnxruntime spin by default and take the cores from whatever runs between two
    # batches, or beside us: without it a profile needs half the CPU time, accuracy on a busy
    # machine half the time (measured on ResNet-20 and SqueezeNet, 2 cores)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if folder is not None:
        options.add_session_config_entry(_FOLDER_ENTRY, str(folder))
    try:
        session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            sess_options=options,
            providers=["CPUExecutionProvider"],
        )
    except _runtime_errors() as error:
        raise ProfileError(f"onnxruntime cannot load the network: {_first_line(error)}") from None
    inputs = [item for item in session.get_inputs() if item.name not in more]
    if len(inputs) != 1:
        names = ", ".join(item.name for item in inputs)
        raise ProfileError(f"the network has {len(inputs)} inputs ({names}), expected one")
    kind = str(inputs[0].type).removeprefix("tensor(").removesuffix(")")
    if kind not in _TYPES:
        raise ProfileError(f"the network's input is of type {kind}, expected {', '.join(_TYPES)}")
    return Session(
        inputs[0].name,
        tuple(size if isinstance(size, int) else None for size in inputs[0].shape),
        kind,
        tuple(item.name for item in session.get_outputs()),
        session,
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
