"""What a trial costs time for: clips in, accuracy and a folded design out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from hass.cost import EngineKind
from hass.design import (
    DataRef,
    Design,
    DesignAccuracy,
    build_design,
    model_ref,
    provenance_now,
)
from hass.device import Device, load_device
from hass.errors import GraphError
from hass.folding import ALL_ENGINES, FoldingPlan, Infeasibility, WeightsAt, solve
from hass.graph import Graph, macs_per_frame
from hass.integer_accuracy import MOST_IMAGES, measure_integer_accuracy
from hass.measure import (
    Dataset,
    Split,
    input_magnitudes,
    measure_accuracy,
    measure_profile,
    open_dataset,
    require_images,
)
from hass.onnx_io import ImportedModel, read_model, write_model
from hass.ops import Input
from hass.prune import pruned_weights
from hass.sparsity import NO_CLIPS, Accuracy, Settings, SparsityProfile

from .clips import LayerFacts, layer_facts
from .hooks import SearchHooks, stage_progress
from .spec import SearchSpec

DENSE_ENGINES = frozenset({EngineKind.DENSE})


@dataclass(frozen=True, slots=True)
class MeanDensities:
    """Densities of a network: means over its Conv2d layers, weighted with their MACs."""

    weight_density: float
    act_density: float
    pair_density: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of one setting of clips.

    Attributes:
        answer: the design, or why nothing fits the part.
        calibration: accuracy on the profile's images.
        selection: accuracy on the selection split; None where it was not asked for.
        densities: of the network.
    """

    answer: Design | Infeasibility
    calibration: Accuracy | None
    selection: Accuracy | None
    densities: MeanDensities


def mean_densities(graph: Graph, profile: SparsityProfile) -> MeanDensities:
    """The densities of a profile's layers in three numbers."""
    macs = {layer.name: macs_per_frame(graph, layer.name) for layer in graph.convs}
    total = sum(macs.values())

    def mean(name: str) -> float:
        layers: Mapping[str, object] = profile.layers
        return float(sum(macs[k] * getattr(layers[k], name) for k in macs) / total)

    return MeanDensities(mean("weight_density"), mean("act_density"), mean("pair_density"))


@dataclass(frozen=True)
class Problem:
    """A network, its data and a part: everything that the trials of a search share."""

    spec: SearchSpec
    model: ImportedModel
    data: Dataset
    device: Device
    hooks: SearchHooks

    @cached_property
    def unclipped_profile(self) -> SparsityProfile:
        """The profile with nothing clipped."""
        return self._measured_profile(NO_CLIPS)

    @cached_property
    def unclipped_accuracy(self) -> Accuracy:
        """Accuracy on the selection split with nothing clipped."""
        return self._measured_accuracy(NO_CLIPS, Split.SELECTION)

    @cached_property
    def facts(self) -> tuple[LayerFacts, ...]:
        """What strategies know of the layers."""
        magnitudes = input_magnitudes(
            self.model.graph,
            self.model.weights,
            self.data,
            images=self.spec.profile_images,
            seed=self.spec.seed,
        )
        return layer_facts(self.model.graph, self.model.weights, self.unclipped_profile, magnitudes)

    def _measured_profile(self, settings: Settings) -> SparsityProfile:
        return measure_profile(
            self.model.graph,
            self.model.weights,
            self.data,
            settings,
            images=self.spec.profile_images,
            seed=self.spec.seed,
            progress=stage_progress(self.hooks, "profile"),
        )

    def _measured_accuracy(self, settings: Settings, split: Split) -> Accuracy:
        thresholds = {
            name: setting.act_threshold
            for name, setting in settings.items()
            if setting.act_threshold > 0
        }
        return measure_accuracy(
            write_model(
                self.model.graph,
                pruned_weights(self.model.weights, settings),
                act_thresholds=thresholds,
            ),
            self.data,
            split,
            limit=self._limit(split),
            progress=stage_progress(self.hooks, f"accuracy ({split.value})"),
        )

    def _limit(self, split: Split) -> int | None:
        return self.spec.selection_limit if split is Split.SELECTION else None

    def dense(self) -> Evaluation:
        """The dense design: dense engines only, nothing clipped.

        The profile changes nothing about dense engines; it makes their share of the multiplier
        bound comparable with that of the others. The accuracy is measured even if nothing fits:
        it sets the floor for all others.
        """
        profile = self.unclipped_profile
        plan = self._solved(profile, DENSE_ENGINES)
        return self._evaluation(plan, profile, self.unclipped_accuracy)

    def evaluate(self, settings: Settings) -> Evaluation:
        """A design of all engine kinds under some clips.

        Profile and folding come first: they take less time than the accuracy on the whole
        selection split, which is left out when nothing fits the part.
        """
        nothing = not settings
        profile = self.unclipped_profile if nothing else self._measured_profile(settings)
        plan = self._solved(profile, ALL_ENGINES)
        if isinstance(plan, Infeasibility):
            return self._evaluation(plan, profile, None)
        if nothing:
            return self._evaluation(plan, profile, self.unclipped_accuracy)
        selection = self._measured_accuracy(settings, Split.SELECTION)
        return self._evaluation(plan, profile, selection)

    def test_accuracy(self, settings: Settings) -> Accuracy:
        """Accuracy on the held-out split; for what is final only."""
        return self._measured_accuracy(settings, Split.TEST)

    def integer_accuracy(self, design: Design, split: Split) -> Accuracy:
        """Accuracy of what a design's hardware computes; for what is final only."""
        return measure_integer_accuracy(
            design,
            self.model.graph,
            self.model.weights,
            self.data,
            split,
            limit=min(MOST_IMAGES, self._limit(split) or MOST_IMAGES),
            progress=stage_progress(self.hooks, f"accuracy in integers ({split.value})"),
        )

    def _solved(
        self, profile: SparsityProfile, engines: frozenset[EngineKind]
    ) -> FoldingPlan | Infeasibility:
        self.hooks.stage("folding", 0, 1)
        return solve(
            self.model.graph,
            self.device,
            profile=profile,
            engines=engines,
            arithmetic=self.spec.arithmetic,
            clock_mhz=self.spec.clock_mhz,
            weights=WeightsAt.ON_CHIP,  # the only ones that are emitted
        )

    def _evaluation(
        self,
        plan: FoldingPlan | Infeasibility,
        profile: SparsityProfile,
        selection: Accuracy | None,
    ) -> Evaluation:
        densities = mean_densities(self.model.graph, profile)
        if isinstance(plan, Infeasibility):
            return Evaluation(plan, profile.accuracy, selection, densities)
        design = build_design(
            model_ref(self.model),
            self.device,
            plan,
            provenance_now(seed=self.spec.seed, strategy=self.spec.strategy),
            arithmetic=self.spec.arithmetic,
            profile=profile,
            data=DataRef(self.spec.data, self.data.digest),
            accuracy=DesignAccuracy(profile.accuracy, selection, None),
        )
        return Evaluation(design, profile.accuracy, selection, densities)


def open_problem(spec: SearchSpec, hooks: SearchHooks) -> Problem:
    """Read everything a spec names.

    Raises:
        SpecError: if a path, the data or the device is wrong.
        ModelError: if the model cannot be used, has nothing to clip, or a split has no image.
    """
    device = load_device(spec.device)
    model = replace(read_model(spec.model), path=spec.model)
    if not model.graph.convs:
        raise GraphError(
            f"{spec.model}: has no convolution and no fully connected layer, so there is nothing "
            "to clip; `hass fold` folds what it has"
        )
    frame = model.graph.of_type(Input)[0].out
    data = open_dataset(spec.data, frame, seed=spec.seed)
    for split in Split:
        require_images(data, split)  # the test split is read last, hours from here
    return Problem(spec, model, data, device, hooks)
