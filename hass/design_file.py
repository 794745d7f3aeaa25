"""A design as a JSON file: canonical on writing, strict on reading; reading undoes writing."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic

from .cost.result import LayerEstimate
from .design import Design, DesignAccuracy, EstimateSummary, ModelRef
from .design_schema import DesignFile
from .device import Device
from .errors import GraphError, Mistake, SpecError
from .files import JsonValue, canonical_json, write_text_atomic
from .folding.plan import FoldingPlan
from .near import unreadable
from .setting_record import setting_json
from .sparsity import Accuracy
from .validation import FileFormat, mistakes_of

if TYPE_CHECKING:
    from .onnx_io import ImportedModel

SCHEMA_VERSION = 3  # 2 did not state the accuracy in integers


def accuracy_json(accuracy: Accuracy | None) -> JsonValue:
    """``{top1, correct, images}`` or null."""
    return None if accuracy is None else {"top1": accuracy.top1, **asdict(accuracy)}


def summary_json(summary: EstimateSummary) -> dict[str, JsonValue]:
    """The keys that every estimate is printed with; an infinite utilisation becomes null."""
    finite = {k: v if math.isfinite(v) else None for k, v in summary.utilisation.items()}
    return {
        "frame_ii_cycles": summary.frame_ii_cycles,
        "throughput_fps": summary.throughput_fps,
        "latency_us": summary.latency_us,
        "depth_cycles": summary.depth_cycles,
        "resources": asdict(summary.resources),
        "utilisation": finite,
        "bottleneck": summary.bottleneck,
        "active_macs_per_frame": summary.active_macs_per_frame,
        "multiplier_bound_share": summary.multiplier_bound_share,
        "energy_proxy_pj": summary.energy_proxy_pj,
    }


def splits_json(accuracy: DesignAccuracy | None) -> JsonValue:
    """``{calibration, selection, test}``, each as ``accuracy_json``, or null."""
    if accuracy is None:
        return None
    return {
        "calibration": accuracy_json(accuracy.calibration),
        "selection": accuracy_json(accuracy.selection),
        "test": accuracy_json(accuracy.test),
    }


def layer_json(name: str, layer: LayerEstimate) -> dict[str, JsonValue]:
    """One layer of an estimate, without its folding."""
    return {
        "name": name,
        "frame_ii_cycles": layer.frame_ii_cycles,
        "latency_cycles": layer.latency_cycles,
        "lead_frames": layer.lead_frames,
        "start_cycles": layer.start_cycles,
        "active_macs": layer.active_macs,
        "resources": asdict(layer.resources),
        "off_chip_bits": layer.off_chip_bits,
        "energy_proxy_pj": layer.energy_proxy_pj,
    }


def model_json(model: ModelRef) -> dict[str, JsonValue]:
    """Which network a design is of; channels only where some were removed."""
    shown: dict[str, JsonValue] = {
        "path": model.path,
        "sha256": model.sha256,
        "graph_digest": model.graph_digest,
        "weights_digest": model.weights_digest,
        "part": asdict(model.part),
    }
    if not model.removed_channels:
        return shown
    removed: JsonValue = {name: list(gone) for name, gone in model.removed_channels.items()}
    return {**shown, "removed_channels": removed}


def device_json(device: Device) -> dict[str, JsonValue]:
    """A whole device, as it stands in a design file."""
    return {
        "name": device.name,
        "part": device.part,
        "family": device.family,
        "available": asdict(device.available),
        "budget": asdict(device.budget),
        "clock_mhz": device.clock_mhz,
        "off_chip_gbytes_per_s": device.off_chip_gbytes_per_s,
        "sources": [{"figure": figure, "source": source} for figure, source in device.sources],
        "off_chip_gbytes": device.off_chip_gbytes,
        "reconfiguration_ms": device.reconfiguration_ms,
        "link_gbytes_per_s": device.link_gbytes_per_s,
    }


def plan_json(plan: FoldingPlan) -> dict[str, JsonValue]:
    """What found a plan, for what, and what is proved."""
    return {
        "solver": plan.solver,
        "proved_bound_cycles": plan.proved_bound_cycles,
        "gap": plan.gap,
        "objective": {
            "goal": plan.objective.goal.value,
            "min_fps": plan.objective.min_fps,
            "bound": plan.proved_bound,
        },
    }


def design_json(design: Design) -> dict[str, JsonValue]:
    """The content of a design file."""
    plan, estimate = design.plan, design.plan.estimate
    dense: JsonValue = None
    if design.dense is not None:
        dense = {
            **summary_json(design.dense.summary),
            "accuracy": splits_json(design.dense.accuracy),
            "integer_accuracy": splits_json(design.dense.integer_accuracy),
        }
    return {
        "schema_version": SCHEMA_VERSION,
        **summary_json(design.summary),
        "latency_cycles": estimate.latency_cycles,
        "clock_mhz": estimate.clock_mhz,
        "multipliers": estimate.multipliers,
        "waiting_cycles": estimate.waiting_cycles,
        **plan_json(plan),
        "accuracy": splits_json(design.accuracy),
        "integer_accuracy": splits_json(design.integer_accuracy),
        "dense": dense,
        "trials": design.trials,
        "settings": {name: setting_json(setting) for name, setting in design.settings.items()},
        "foldings": {name: asdict(folding) for name, folding in plan.foldings.items()},
        "layers": [layer_json(name, layer) for name, layer in estimate.layers.items()],
        "fifos": [asdict(fifo) for fifo in estimate.fifos],
        "densities": {name: asdict(density) for name, density in design.densities.items()},
        "output_max_abs": dict(design.output_max_abs),
        "model": model_json(design.model),
        "data": None if design.data is None else asdict(design.data),
        "device": device_json(design.device),
        "arithmetic": asdict(design.arithmetic),
        "layer_arithmetic": {name: asdict(own) for name, own in design.layer_arithmetic.items()},
        "provenance": {
            "hass_version": design.provenance.hass_version,
            "cost_model_version": design.provenance.cost_model_version,
            "seed": design.provenance.seed,
            "strategy": design.provenance.strategy,
            "packages": dict(design.provenance.packages),
        },
    }


def write_design(design: Design, path: str | Path) -> None:
    """Write a design file; equal designs give equal bytes.

    Raises:
        OutputError: if it cannot be written.
    """
    write_text_atomic(path, canonical_json(design_json(design)))


def _mistakes(error: pydantic.ValidationError, where: object) -> SpecError:
    """All mistakes; of another version or another kind of file only that it is one."""
    missing = {item["loc"] for item in error.errors() if item["type"] == "missing"}
    fields = DesignFile.model_fields.items()
    needed = {(name,) for name, field in fields if field.is_required()} - {("schema_version",)}
    others = not needed <= missing or any(e["type"] == "extra_forbidden" for e in error.errors())
    if others and {("foldings",), ("model",)} <= missing:  # whatever version it is of
        return SpecError(Mistake(str(where), "another kind of file", "a design of hass"))
    for item in error.errors():
        if item["loc"] == ("schema_version",):
            found = "nothing" if item["loc"] in missing else repr(item["input"])
            expected = f"{SCHEMA_VERSION}, in a design of hass"
            return SpecError(Mistake(f"{where}: schema_version", found, expected))
    return mistakes_of(error, where, DesignFile.model_json_schema)


def parse_design(text: str | bytes, where: object) -> Design:
    """A design from the text of its file; ``where`` is the file, for messages.

    Raises:
        SpecError: listing all mistakes with their place.
    """
    try:
        return DesignFile.model_validate_json(text).value()
    except pydantic.ValidationError as error:
        raise _mistakes(error, where) from None


def read_design(path: str | Path) -> Design:
    """Read a design file.

    Raises:
        SpecError: if it cannot be read or is not a design file of this version; lists all
            mistakes.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(Path(path), error, "a design file (JSON)") from None
    if not data.lstrip().startswith(b"{"):
        found = "an ONNX model" if Path(path).suffix == ".onnx" else "no JSON object"
        wanted = "a design file (JSON), as `hass fold MODEL -o FILE` and `hass search` write"
        raise SpecError.at(path, found, wanted)
    return parse_design(data, path)


def load_design_model(design: Design, design_path: str | Path) -> ImportedModel:
    """Import the network of a design, without the channels that the design has removed, or the part
    of it that the design is of: the path is tried as it is, then from the design's folder.

    Raises:
        SpecError: if the model is not there, or is not the one the design was made for.
        ModelError: if it cannot be imported.
    """
    from .onnx_io import (
        read_model,
        take_part,
        without,
    )  # slow to load, and who only reads a design needs none of it

    where = f"{design_path}: model"
    candidates = (Path(design.model.path), Path(design_path).parent / design.model.path)
    present = [path for path in candidates if path.is_file()]
    if not present:
        tried = " or ".join(str(path) for path in dict.fromkeys(candidates))
        raise SpecError.at(f"{where}.path", design.model.path, f"an existing file ({tried})")
    for path in present:
        if hashlib.sha256(path.read_bytes()).hexdigest() == design.model.sha256:
            break
    else:
        raise SpecError.at(
            f"{where}.sha256",
            design.model.sha256,
            f"the digest of {' or '.join(str(path) for path in present)}: the model was changed "
            "since the design was made",
        )
    try:
        whole = without(read_model(path), design.model.removed_channels)
    except GraphError as error:
        if not design.model.removed_channels:
            raise
        raise SpecError.at(f"{where}.removed_channels", "channels", str(error)) from None
    try:
        model = take_part(whole, design.model.part)
    except GraphError as error:
        raise SpecError(
            Mistake(f"{where}.part", str(design.model.part), f"a part of the network: {error}")
        ) from None
    if model.graph.digest != design.model.graph_digest:
        raise SpecError.at(
            f"{where}.graph_digest",
            design.model.graph_digest,
            f"{model.graph.digest}: hass {design.provenance.hass_version} imported this model "
            "differently; make the design again",
        )
    return model


FORMAT = FileFormat(
    "design.json", "one network on one part: the hand-over object", DesignFile.model_json_schema
)
