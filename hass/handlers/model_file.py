"""Reading of an ONNX file: bytes to a protobuf that can be trusted, and its tensors to arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import google.protobuf.message  # type: ignore[import-untyped]
import onnx
import onnx.numpy_helper

from ..errors import GraphError, SpecError
from ..near import unreadable
from .external_data import check_external_data, external_array
from .inline import inline_functions
from .quantised import dequantised
from .texts import texts_not_utf8
from .values import Constant

LARGEST_FILE_BYTES = (1 << 31) - 1  # of a protobuf message
OLDEST_OPSET = 7  # the first whose arithmetic broadcasts as today's does
_EXPECTED = "an ONNX model"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A parsed ONNX file.

    Attributes:
        path: as given.
        sha256: of the file's bytes.
        proto: its content, functions inlined and quantisers dropped.
        opset: version of the default operator set.
        remarks: what was dropped, for people.
        word_bits: tensor that a quantised layer puts out -> bits of its operands.
        reasons: tensor -> why hass cannot exchange the quantised operator that makes it.
    """

    path: Path
    sha256: str
    proto: onnx.ModelProto
    opset: int
    remarks: tuple[str, ...] = ()
    word_bits: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def array(self, tensor: onnx.TensorProto) -> Constant:
        """A tensor's values; those stored outside the file must lie inside its folder.

        Raises:
            SpecError: if the values are malformed, missing, or outside the model's folder.
        """
        where = f"{self.path}: tensor {tensor.name!r}"
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            return external_array(self.path, tensor)
        try:
            array = onnx.numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError, OverflowError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SpecError.at(where, reason, "values that fit its shape and type") from None
        if array.dtype.kind in "Oc" or array.dtype.names is not None:  # text, complex numbers
            raise SpecError.at(where, str(array.dtype), "real numbers")
        return array


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise SpecError.at(path, "a folder", _EXPECTED)
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE_BYTES:
            expected = f"{_EXPECTED} of at most {LARGEST_FILE_BYTES} bytes, weights in other files"
            raise SpecError.at(path, f"{size} bytes", f"{expected} beside it (external data)")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable(path, error, f"{_EXPECTED} that can be read") from None


def load_model_file(path: str | Path) -> ModelFile:
    """Read and parse an ONNX file.

    Raises:
        SpecError: if there is no such file, or it is empty, truncated, not ONNX or above 2 GiB;
            or if files beside it are outside its folder, missing or too short.
        GraphError: if its operator set is older than 7 or newer than the installed onnx knows, or
            its functions cannot be inlined.
    """
    path = Path(path)
    data = _read_bytes(path)
    if not data:
        raise SpecError.at(path, "an empty file", _EXPECTED)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except google.protobuf.message.DecodeError:
        found = f"{len(data)} bytes that do not parse"
        raise SpecError.at(path, found, f"{_EXPECTED} (not ONNX, or truncated)") from None
    broken = next(texts_not_utf8(proto), None)
    if broken is not None:
        raise SpecError.at(path, f"a {broken} that is not UTF-8", f"{_EXPECTED} (damaged?)")
    opsets = {item.domain: item.version for item in proto.opset_import}
    opset = opsets.get("", opsets.get("ai.onnx"))
    if not proto.graph.node or proto.ir_version < 1 or opset is None:
        found = f"{len(data)} bytes without a graph or an operator set"
        raise SpecError.at(path, found, f"{_EXPECTED} (not ONNX, or truncated)")
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise GraphError(f"{path}: opset {opset}, expected {OLDEST_OPSET} to {newest}")
    check_external_data(path, proto.graph.initializer)
    digest = hashlib.sha256(data).hexdigest()
    file = ModelFile(path, digest, inline_functions(proto, path), opset)
    plain = dequantised(file.proto, opset, file.array)
    return replace(
        file,
        proto=plain.proto,
        remarks=plain.remarks,
        word_bits=plain.word_bits,
        reasons=plain.reasons,
    )
