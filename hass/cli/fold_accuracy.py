"""What accuracy a folded design has, measured where its profile was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..design import DataRef, Design, DesignAccuracy
from ..errors import SpecError
from ..onnx_io import ImportedModel, write_model
from ..ops import Input
from ..prune import pruned_weights
from ..sparsity import Accuracy, SparsityProfile
from .common import progress


def with_accuracy(
    design: Design, model: ImportedModel, profile: SparsityProfile, data: str
) -> Design:
    """The design with its accuracy on the calibration images of its profile and on the selection
    split, in floating point and in integers.

    Raises:
        SpecError: if the data are not those of the profile, or an image cannot be read.
        ProfileError: if the network's outputs are not the data's classes.
    """
    # here, as they load onnxruntime
    from ..integer_accuracy import MOST_IMAGES, measure_integer_accuracy
    from ..measure import Split, measure_accuracy, open_dataset
    from ..sparsity import act_thresholds_of

    graph, weights = model.graph, model.weights
    dataset = open_dataset(data, graph.of_type(Input)[0].out)
    if dataset.digest != profile.data_digest:
        raise SpecError.at(
            "--data", data, "the images, and the splits, that the profile was measured on"
        )

    def integers(split: Split, limit: int) -> Accuracy:
        with progress(f"accuracy in integers ({split.value}) of {Path(model.path).stem}") as report:
            return measure_integer_accuracy(
                design, graph, weights, dataset, split, limit=limit, progress=report
            )

    accuracy = DesignAccuracy(calibration=profile.accuracy)
    stated = DesignAccuracy()
    if profile.accuracy is not None:
        run = min(MOST_IMAGES, profile.accuracy.images)
        stated = replace(stated, calibration=integers(Split.CALIBRATION, run))
    if dataset.count(Split.SELECTION):
        clipped = write_model(
            graph,
            pruned_weights(weights, design.settings),
            act_thresholds=act_thresholds_of(design.settings),
        )
        with progress(f"accuracy (selection) of {Path(model.path).stem}") as report:
            found = measure_accuracy(clipped, dataset, Split.SELECTION, progress=report)
        accuracy = replace(accuracy, selection=found)
        stated = replace(stated, selection=integers(Split.SELECTION, MOST_IMAGES))
    return replace(
        design,
        data=DataRef(data, dataset.digest),
        accuracy=accuracy,
        integer_accuracy=stated,
    )
