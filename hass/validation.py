"""What every file boundary shares: strict records, and all mistakes of a file in one error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pydantic

from .errors import Mistake, SpecError

FORMAT_GROUP = "hass.formats"  # of entry points: name -> FileFormat


class StrictRecord(pydantic.BaseModel):
    """A record of a file: unknown keys refused, no silent conversions, never changed."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A kind of file that hass reads, for ``hass schema`` and the documentation.

    Attributes:
        file: what such a file is called as a rule.
        summary: what it holds, in a line.
        schema: makes its JSON Schema (draft 2020-12), as pydantic writes it.
    """

    file: str
    summary: str
    schema: Callable[[], Mapping[str, Any]]


def mistakes_of(error: pydantic.ValidationError, where: object) -> SpecError:
    """All complaints of pydantic about one file as one error; ``where`` is the file."""
    return SpecError(
        [
            Mistake(
                f"{where}: {'.'.join(str(part) for part in item['loc']) or '(top)'}",
                "nothing" if item["type"] == "missing" else repr(item["input"])[:80],
                _expected(item["type"], item["msg"]),
            )
            for item in error.errors()
        ]
    )


def _expected(kind: str, message: str) -> str:
    """A complaint of pydantic's as what was expected instead."""
    match kind:
        case "extra_forbidden":
            return "no such key"
        case "missing":
            return "a required value"
        case "json_invalid":
            return f"valid JSON ({message.removeprefix('Invalid JSON: ')})"
        case _:
            plain = message.removeprefix("Input should be ").removeprefix("Value error, ")
            return plain if plain != message else message[:1].lower() + message[1:]
