"""Exporters by name: ours and those that other packages bring."""

from __future__ import annotations

from importlib import metadata

from ..errors import SpecError
from ..near import nearest_or_all
from .exporter import EXPORTER_GROUP, Exporter


def exporter_names() -> tuple[str, ...]:
    """All targets, sorted."""
    return tuple(sorted({entry.name for entry in metadata.entry_points(group=EXPORTER_GROUP)}))


def load_exporter(name: str) -> Exporter:
    """The exporter to a target.

    Raises:
        SpecError: if there is none of this name, or it cannot be loaded, or is none.
    """
    for entry in metadata.entry_points(group=EXPORTER_GROUP, name=name):
        try:
            exporter = entry.load()
        except (ImportError, AttributeError) as error:
            wanted = f"an installation in which {entry.value} can be loaded ({error})"
            raise SpecError.at("--to", name, wanted) from None
        if not isinstance(exporter, Exporter):
            raise SpecError.at("--to", name, f"{entry.value} to be a hass.export.Exporter")
        return exporter
    names = exporter_names()
    raise SpecError.at("--to", name, f"a target; {nearest_or_all(name, names)}")
