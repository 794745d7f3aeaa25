"""hass: explorer for sparse dataflow CNN accelerators.

The public face. Each name is loaded when it is first used, so that ``import hass`` is quick and
pulls in neither onnxruntime nor a solver:

    model = hass.read_model("model.onnx")
    dataset = hass.open_dataset("data", model.graph.of_type(hass.ops.Input)[0].out)
    profile = hass.measure_profile(model.graph, model.weights, dataset, hass.NO_CLIPS)
    device = hass.load_device("zcu104")
    plan = hass.solve(model.graph, device, profile=profile)

So are its namespaces, the applications among them:

    outcome = hass.search.run_search(hass.search.SearchSpec("model.onnx", "data", "zcu104"), "out")
    hass.report.pareto_picture(outcome.run)
    hass.tables.layers(outcome.results.best_design)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from . import compare, export, ops, report, tables
    from .cost import Estimate, Folding, estimate
    from .design import Design, build_design, model_ref, provenance_now
    from .design_file import load_design_model, read_design, write_design
    from .device import Device, Resources, device_names, load_device
    from .errors import HassError
    from .folding import (
        FoldingPlan,
        Goal,
        Infeasibility,
        Objective,
        solve_chain,
        solve_partitions,
    )
    from .folding.prices import Prices, prices
    from .folding.solve import solve
    from .graph import Graph, Weights
    from .integer_accuracy import measure_integer_accuracy
    from .measure import measure_accuracy, measure_profile, prove_equal
    from .measure.open_dataset import open_dataset
    from .onnx_io import read_model, write_model
    from .sparsity import NO_CLIPS, SparsityProfile, SparsitySetting
    from .values import arithmetic_of

# Modules that are loaded when they are first used. The applications among them are looked up by
# name, as the command line finds their verbs by entry points: no module of the core needs one.
_NAMESPACES = ("compare", "export", "hw_templates", "ops", "report", "search", "sim", "tables")
_HOMES = {
    "Design": "design",
    "Device": "device",
    "Estimate": "cost",
    "Folding": "cost",
    "FoldingPlan": "folding",
    "Goal": "folding",
    "Graph": "graph",
    "HassError": "errors",
    "Infeasibility": "folding",
    "NO_CLIPS": "sparsity",
    "Objective": "folding",
    "Prices": "folding",
    "Resources": "device",
    "SparsityProfile": "sparsity",
    "SparsitySetting": "sparsity",
    "Weights": "graph",
    "arithmetic_of": "values",
    "build_design": "design",
    "device_names": "device",
    "estimate": "cost",
    "load_design_model": "design_file",
    "load_device": "device",
    "measure_accuracy": "measure",
    "measure_integer_accuracy": "integer_accuracy",
    "measure_profile": "measure",
    "model_ref": "design",
    "open_dataset": "measure",
    "prices": "folding",
    "prove_equal": "measure",
    "provenance_now": "design",
    "read_design": "design_file",
    "read_model": "onnx_io",
    "solve": "folding",
    "solve_chain": "folding",
    "solve_partitions": "folding",
    "write_design": "design_file",
    "write_model": "onnx_io",
}

__all__ = [
    "NO_CLIPS",
    "Design",
    "Device",
    "Estimate",
    "Folding",
    "FoldingPlan",
    "Goal",
    "Graph",
    "HassError",
    "Infeasibility",
    "Objective",
    "Prices",
    "Resources",
    "SparsityProfile",
    "SparsitySetting",
    "Weights",
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
    "measure_accuracy",
    "measure_integer_accuracy",
    "measure_profile",
    "model_ref",
    "open_dataset",
    "ops",
    "prices",
    "prove_equal",
    "provenance_now",
    "read_design",
    "read_model",
    "report",
    "search",
    "sim",
    "solve",
    "solve_chain",
    "solve_partitions",
    "tables",
    "write_design",
    "write_model",
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
