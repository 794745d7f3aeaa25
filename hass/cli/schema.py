"""``hass schema``: what may be in the files that hass reads, for editors and scripts."""

from __future__ import annotations

from importlib import metadata

import click

from ..errors import SpecError
from ..files import JsonValue
from ..near import nearest_or_all
from ..validation import FORMAT_GROUP, FileFormat
from .common import print_json, print_table

DIALECT = "https://json-schema.org/draft/2020-12/schema"  # the one that pydantic writes


def file_formats() -> dict[str, FileFormat]:
    """All kinds of files, by name; what other packages bring included.

    Raises:
        TypeError: if an entry point is something else.
    """
    formats = {}
    for entry in sorted(metadata.entry_points(group=FORMAT_GROUP), key=lambda item: item.name):
        found = entry.load()
        if not isinstance(found, FileFormat):
            raise TypeError(f"{entry.value}: expected a FileFormat, got {found!r}")
        formats[entry.name] = found
    return formats


def schema_of(name: str) -> dict[str, JsonValue]:
    """The JSON Schema of one kind of file.

    Raises:
        SpecError: if there is none of this name.
    """
    formats = file_formats()
    if name not in formats:
        raise SpecError.at("NAME", name, f"a kind of file; {nearest_or_all(name, tuple(formats))}")
    return {"$schema": DIALECT, **formats[name].schema(), "title": formats[name].file}


@click.command(
    epilog="\b\nExamples:\n  hass schema\n  hass schema device\n"
    "  hass schema dataset > dataset.schema.json"
)
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print the JSON Schema of a kind of file; without NAME, list them.

    It says what keys a file may have. Whether its values fit together, and the network, is found
    when the file is read.
    """
    if name is not None:
        print_json(schema_of(name))
        return
    print_table(
        ["name", "file", "what it holds"],
        [[name, kind.file, kind.summary] for name, kind in file_formats().items()],
    )
