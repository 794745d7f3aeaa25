"""Designs as files for other tools; each target is an ``Exporter``, found by its entry point."""

from .exporter import EXPORTER_GROUP, Export, Exporter, ExportSource, Fate, Remark
from .registry import exporter_names, load_exporter
from .write import Exported, export_design, export_source

__all__ = [
    "EXPORTER_GROUP",
    "Export",
    "ExportSource",
    "Exported",
    "Exporter",
    "Fate",
    "Remark",
    "export_design",
    "export_source",
    "exporter_names",
    "load_exporter",
]
