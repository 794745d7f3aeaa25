"""Designs as files for other tools; each target is an ``Exporter``, found by its entry point.

A third party's exporter is a module of an installed package with an ``Exporter`` in it::

    from hass.export import Export, Exporter, ExportSource, Fate, Remark

    def export(source: ExportSource) -> Export:
        foldings = source.design.plan.foldings
        lines = [f"{name} {folding.multipliers}" for name, folding in foldings.items()]
        remarks = [Remark(name, Fate.LEFT_OUT, "all but its multipliers") for name in foldings]
        return Export({"multipliers.txt": "\\n".join(lines)}, tuple(remarks))

    EXPORTER = Exporter("How many multipliers each layer has.", export)

and an entry point of the package's (here in its ``pyproject.toml``) that names the target::

    [project.entry-points."hass.exporters"]
    multipliers = "their_module:EXPORTER"

``hass export --list`` then shows it, and ``hass export DESIGN --to multipliers -o DIR`` writes its
files beside ``design.json`` and ``remarks.csv``. Equal sources must give equal bytes; at least one
remark must be made on each layer but Input and Output, so that nothing is dropped in silence.
"""

from .exporter import EXPORTER_GROUP, Export, Exporter, ExportSource, Fate, Remark
from .registry import exporter_names, load_exporter
from .write import Exported, export_design, export_source, export_to

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
    "export_to",
    "exporter_names",
    "load_exporter",
]
