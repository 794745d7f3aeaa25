"""What a recovery leaves in its folder: no times in it, so that a repetition gives the same."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from ..design import Design
from ..design_file import design_json, splits_json, summary_json
from ..files import JsonValue, canonical_json
from ..folder import write_folder
from .progress import Loss
from .recovery import MODEL_FILE, Recovery

SCHEMA_VERSION = 1
DESIGN_FILE = "design.json"
RECORD_FILE = "recovered.json"


def _result_json(design: Design) -> JsonValue:
    return {
        **summary_json(design.summary),
        "accuracy": splits_json(design.accuracy),
        "integer_accuracy": splits_json(design.integer_accuracy),
        "model_sha256": design.model.sha256,
        "weights_digest": design.model.weights_digest,
    }


def _loss_json(loss: Loss) -> JsonValue:
    return {"step": loss.step, "nats": loss.nats if math.isfinite(loss.nats) else None}


def recovery_json(recovery: Recovery) -> dict[str, JsonValue]:
    """The content of ``recovered.json``: before and after, and how the weights were trained.

    ``losses`` are nats per held-out image after so many steps; null where not finite.
    """
    trained, training = recovery.trained, recovery.training
    return {
        "schema_version": SCHEMA_VERSION,
        "before": _result_json(recovery.before),
        "after": _result_json(recovery.after),
        "training": {
            **asdict(training),
            "trained_images": recovery.shares.trained,
            "held_out_images": recovery.shares.held_out,
            "losses": [_loss_json(loss) for loss in trained.losses],
            "best_step": trained.best.step,
            "interrupted": trained.interrupted,
        },
        "packages": dict(recovery.after.provenance.packages),
    }


def write_recovery(recovery: Recovery, folder: Path, *, force: bool) -> None:
    """Write the network, its design and the record of the recovery, all or nothing.

    Raises:
        OutputError: if the folder cannot be written, or is not empty and ``force`` is not given.
    """
    files: dict[str, str | bytes] = {
        MODEL_FILE: recovery.model,
        DESIGN_FILE: canonical_json(design_json(recovery.after)),
        RECORD_FILE: canonical_json(recovery_json(recovery)),
    }
    write_folder(folder, files, force=force)
