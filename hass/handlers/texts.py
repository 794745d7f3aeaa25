"""Texts of a protobuf: what is not UTF-8 would come out of it as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]


def texts_not_utf8(model: onnx.ModelProto) -> Iterator[str]:
    """Fields of a model, wherever they are in it, with a text that is not UTF-8."""
    pending: list[Any] = [model]
    while pending:
        message = pending.pop()
        if isinstance(message, onnx.TensorProto):  # whose other fields may be huge
            pending.extend(message.external_data)
            name: str | bytes = message.name
            if not isinstance(name, str):
                yield "TensorProto.name"
            continue
        for field, value in message.ListFields():
            values = value if field.is_repeated else (value,)
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                pending.extend(values)
            elif field.type == FieldDescriptor.TYPE_STRING and not all(
                isinstance(text, str) for text in values
            ):
                yield f"{message.DESCRIPTOR.name}.{field.name}"
