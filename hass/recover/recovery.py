"""A design, recovered: its weights trained, then measured and folded again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from ..cost.foldings import MemoryKind
from ..cuts import WHOLE
from ..design import (
    DataRef,
    Design,
    DesignAccuracy,
    Provenance,
    layer_densities,
    model_ref,
    provenance_now,
    summarise,
)
from ..errors import GraphError, InfeasibleError, ProfileError, SpecError
from ..folding import FoldingPlan, WeightsAt, solve
from ..graph import Graph, Weights
from ..integer_accuracy import MOST_IMAGES, measure_integer_accuracy
from ..measure import Dataset, Split, measure_accuracy, measure_profile, require_images
from ..onnx_io import ImportedModel, read_model, write_model
from ..ops import Output
from ..prune import pruned_weights
from ..sparsity import Accuracy, SparsityProfile, act_thresholds_of, without_refits
from .images import Shares, shares_of
from .progress import Listener
from .train import Trained, Training, train

MODEL_FILE = "recovered.onnx"  # beside the design, which names it so: the folder can be moved
PROFILE_IMAGES = 64  # where the design does not say


@dataclass(frozen=True, slots=True)
class Recovery:
    """What training has made of a design.

    Attributes:
        before: the design, its accuracies complete.
        after: the same clips on trained weights, folded anew.
        model: the trained network as an ONNX file; weights that are clipped are zero.
        training: how it was trained.
        shares: the images that it was trained on and judged by.
        trained: the losses on the way.
    """

    before: Design
    after: Design
    model: bytes
    training: Training
    shares: Shares
    trained: Trained


def recover(
    design: Design,
    model: ImportedModel,
    dataset: Dataset,
    data_path: str,
    training: Training,
    listener: Listener,
) -> Recovery:
    """Train the weights that a design's clips leave, and make the design anew with them.

    Only images of the calibration split are trained on. The selection and the test split are run
    once, afterwards.

    Args:
        design: of a whole network, with clips.
        model: its network, dense.
        dataset: the data that it was measured on.
        data_path: where they are, for the new design.
        training: how to train.
        listener: told about progress.

    Raises:
        SpecError: if the data are not the design's, or an image cannot be read.
        GraphError: if the design is of a part of a network.
        ProfileError: if the design clips nothing, the network puts out maps, its outputs are not
            the data's classes, or a split is empty.
        InfeasibleError: if nothing fits the part any more.
        KeyboardInterrupt: on Ctrl-C at any time but while the network is trained, which then ends
            with the best weights so far.
    """
    _check(design, model, dataset)
    limits = _limits(design)
    shares = shares_of(dataset, limits[Split.CALIBRATION] or PROFILE_IMAGES)
    trained = train(
        model.graph, model.weights, design.settings, dataset, shares, training, listener
    )
    content = write_model(model.graph, trained.weights)
    recovered = _read_again(content, model)
    profile = measure_profile(
        recovered.graph,
        recovered.weights,
        dataset,
        without_refits(design.settings),  # the trained weights have them in them
        images=limits[Split.CALIBRATION] or PROFILE_IMAGES,
        seed=design.provenance.seed or 0,
        progress=lambda done, total: listener.measuring("profile", done, total),
    )
    folded = _folded(design, recovered, profile, DataRef(data_path, dataset.digest), listener)
    after = _measured(folded, recovered.graph, recovered.weights, dataset, limits, listener)
    before = _measured(design, model.graph, model.weights, dataset, limits, listener)
    return Recovery(before, after, content, training, shares, trained)


def _check(design: Design, model: ImportedModel, dataset: Dataset) -> None:
    name = model.graph.name
    if design.model.part != WHOLE:
        raise GraphError(f"{name}: the design is of a part of a network; expected a whole one")
    if design.data is None or not design.settings:
        raise ProfileError(
            f"{name}: the design clips nothing, so there is nothing to recover; expected a design "
            "of `hass search`, or of `hass fold` with a profile that has clips"
        )
    if dataset.digest != design.data.digest:
        raise SpecError.at(
            "--data", dataset.name, "the images, and the splits, that the design was measured on"
        )
    shown = model.graph.of_type(Output)[0].out
    if shown.pixels != 1:
        raise ProfileError(f"{name}: puts out {shown}, expected one number per class")
    for split in Split:
        require_images(dataset, split)


def _limits(design: Design) -> dict[Split, int | None]:
    """How many images of each split the design was measured on; None: all, or not known."""
    stated = design.accuracy or DesignAccuracy()
    found = {
        Split.CALIBRATION: stated.calibration,
        Split.SELECTION: stated.selection,
        Split.TEST: None,
    }
    return {split: None if what is None else what.images for split, what in found.items()}


def _read_again(content: bytes, model: ImportedModel) -> ImportedModel:
    """The trained network as everyone else will read it."""
    with TemporaryDirectory(prefix="hass-") as folder:
        path = Path(folder) / MODEL_FILE
        path.write_bytes(content)
        read = read_model(path)
    names = [layer.name for layer in model.graph]
    if [layer.name for layer in read.graph] != names:
        raise GraphError(
            f"{model.path}: the layers have other names once the network is written and read; "
            "expected the same ones"
        )
    return replace(read, path=MODEL_FILE)


def _folded(
    design: Design,
    recovered: ImportedModel,
    profile: SparsityProfile,
    data: DataRef,
    listener: Listener,
) -> Design:
    """The design with its network exchanged, folded for what it was folded for."""
    listener.measuring("folding", 0, 1)
    off_chip = any(
        folding.weight_memory is MemoryKind.OFF_CHIP for folding in design.plan.foldings.values()
    )
    plan = solve(
        recovered.graph,
        design.device,
        profile=profile,
        objective=design.plan.objective,
        arithmetic=design.arithmetic,
        clock_mhz=design.plan.estimate.clock_mhz,
        weights=WeightsAt.ANYWHERE if off_chip else WeightsAt.ON_CHIP,
    )
    if not isinstance(plan, FoldingPlan):
        raise InfeasibleError(f"{recovered.graph.name} on {design.device.name}: {plan}")
    return replace(
        design,
        model=model_ref(recovered),
        data=data,
        settings=profile.settings,
        plan=plan,
        summary=summarise(plan.estimate, design.device),
        densities=layer_densities(profile),
        output_max_abs=profile.output_max_abs,
        accuracy=DesignAccuracy(calibration=profile.accuracy),
        integer_accuracy=None,
        trials=None,
        provenance=_provenance(design),
    )


def _provenance(design: Design) -> Provenance:
    """The seed stays that of the search: the splits of the data follow from it."""
    made = design.provenance
    now = provenance_now(
        seed=made.seed,
        strategy="recovered" if made.strategy is None else f"{made.strategy}, recovered",
    )
    return replace(now, packages={**now.packages, "torch": metadata.version("torch")})


def _measured(
    design: Design,
    graph: Graph,
    weights: Weights,
    dataset: Dataset,
    limits: dict[Split, int | None],
    listener: Listener,
) -> Design:
    """The design with its accuracy on the selection and the test split; what it states stays."""
    accuracy = design.accuracy or DesignAccuracy()
    integers = design.integer_accuracy or DesignAccuracy()
    clipped = write_model(
        graph,
        pruned_weights(weights, design.settings),
        act_thresholds=act_thresholds_of(design.settings),
    )

    def floats(split: Split) -> Accuracy:
        return measure_accuracy(
            clipped,
            dataset,
            split,
            limit=limits[split],
            progress=lambda done, total: listener.measuring(
                f"accuracy ({split.value})", done, total
            ),
        )

    def whole(split: Split) -> Accuracy:
        return measure_integer_accuracy(
            design,
            graph,
            weights,
            dataset,
            split,
            limit=min(MOST_IMAGES, limits[split] or MOST_IMAGES),
            progress=lambda done, total: listener.measuring(
                f"accuracy in integers ({split.value})", done, total
            ),
        )

    return replace(
        design,
        accuracy=replace(
            accuracy,
            selection=accuracy.selection or floats(Split.SELECTION),
            test=accuracy.test or floats(Split.TEST),
        ),
        integer_accuracy=replace(
            integers,
            selection=integers.selection or whole(Split.SELECTION),
            test=integers.test or whole(Split.TEST),
        ),
    )
