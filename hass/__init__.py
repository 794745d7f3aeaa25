"""hass: explorer for sparse dataflow CNN accelerators.

The public face: what a notebook types. Each name is loaded when it is first used, so that
``import hass`` is quick and pulls in neither onnxruntime nor a solver:

    model = hass.read_model("model.onnx")
    dataset = hass.open_dataset("data", model.graph.frame)
    profile = hass.measure_profile(model.graph, model.weights, dataset)
    device = hass.load_device("zcu104")
    plan = hass.solve(model.graph, device, profile=profile)
    design = hass.build_design(model, device, plan, profile=profile)

So are its namespaces, the applications among them:

    outcome = hass.search.run_search(hass.search.SearchSpec("model.onnx", "data", "zcu104"), "out")
    hass.report.pareto_picture(outcome.run)
    hass.tables.layers(outcome.results.best_design)

What these take and give back lives in the modules (``hass.design.Design``, ``hass.graph.Graph``,
``hass.folding.solve_chain``), and is imported from there where it is needed by name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from . import compare, export, report, tables
    from .cost import Folding, estimate
    from .design import build_design
    from .design_file import load_design_model, read_design, write_design
    from .device import device_names, load_device
    from .errors import HassError
    from .folding import Goal, Infeasibility, Objective
    from .folding.solve import solve
    from .measure import measure_profile, prove_equal
    from .measure.open_dataset import open_dataset
    from .onnx_io import read_model
    from .sparsity import SparsitySetting
    from .values import arithmetic_of

# Modules that are loaded when they are first used. The applications among them are looked up by
# name, as the command line finds their verbs by entry points: no module of the core needs one.
_NAMESPACES = ("compare", "export", "hw_templates", "report", "search", "sim", "tables")
_HOMES = {
    "Folding": "cost",
    "Goal": "folding",
    "HassError": "errors",
    "Infeasibility": "folding",
    "Objective": "folding",
    "SparsitySetting": "sparsity",
    "arithmetic_of": "values",
    "build_design": "design",
    "device_names": "device",
    "estimate": "cost",
    "load_design_model": "design_file",
    "load_device": "device",
    "measure_profile": "measure",
    "open_dataset": "measure",
    "prove_equal": "measure",
    "read_design": "design_file",
    "read_model": "onnx_io",
    "solve": "folding",
    "write_design": "design_file",
}

__all__ = [
    "Folding",
    "Goal",
    "HassError",
    "Infeasibility",
    "Objective",
    "SparsitySetting",
    "__version__",
    "arithmetic_of",
    "build_design",
    "compare",
    "device_names",
    "estimate",
    "export",
    "hw_templates",
    "load_design_model",
    "load_device",
    "measure_profile",
    "open_dataset",
    "prove_equal",
    "read_design",
    "read_model",
    "report",
    "search",
    "sim",
    "solve",
    "tables",
    "write_design",
]


def __getattr__(name: str) -> object:
    if name in _NAMESPACES:
        return import_module(f".{name}", __name__)
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
