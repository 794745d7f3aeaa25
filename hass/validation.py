"""What every file boundary shares: strict records, and all mistakes of a file in one error."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic

from .errors import Mistake, SpecError
from .near import near_names

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


def mistakes_of(
    error: pydantic.ValidationError,
    where: object,
    schema: Callable[[], Mapping[str, Any]] | None = None,
) -> SpecError:
    """All complaints of pydantic about one file as one error.

    Args:
        error: the complaints.
        where: the file.
        schema: of ``FileFormat``; then a key that there is not is answered with the nearest ones.
    """
    items = error.errors()
    unknown = any(item["type"] == "extra_forbidden" for item in items)
    keys = sorted(set(_keys(schema()))) if schema is not None and unknown else []
    return SpecError(
        [
            Mistake(
                f"{where}: {'.'.join(map(str, item['loc'])) or '(top)'}",
                "nothing" if item["type"] == "missing" else repr(item["input"])[:80],
                _expected(item["type"], item["msg"])
                if item["type"] != "extra_forbidden"
                else "; ".join(filter(None, ("no such key", _near(item["loc"], keys)))),
            )
            for item in items
        ]
    )


def _near(place: Sequence[str | int], keys: Collection[str]) -> str:
    return near_names(str(place[-1]), keys, cutoff=0.6) if place else ""


def _keys(schema: object) -> Iterator[str]:
    """The keys that a JSON Schema knows, at any depth."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            yield from map(str, properties)
        for inner in schema.values():
            yield from _keys(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _keys(inner)


def _expected(kind: str, message: str) -> str:
    """A complaint of pydantic's as what was expected instead."""
    match kind:
        case "missing":
            return "a required value"
        case "json_invalid":
            return f"valid JSON ({message.removeprefix('Invalid JSON: ')})"
        case _:
            plain = message.removeprefix("Input should be ").removeprefix("Value error, ")
            return plain if plain != message else message[:1].lower() + message[1:]
