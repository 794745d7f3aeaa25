"""What a trial costs time for: clips in, accuracy and a folded design out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hass.channels import ChannelClass, ranked_classes, removed_filters
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
from hass.filter_refit import Refit
from hass.folding import (
    ALL_ENGINES,
    FASTEST,
    FoldingPlan,
    Goal,
    Infeasibility,
    Objective,
    WeightsAt,
    solve,
)
from hass.graph import Weights
from hass.integer_accuracy import MOST_IMAGES, measure_integer_accuracy
from hass.measure import (
    Answers,
    Dataset,
    Fronts,
    Hits,
    ProgressCallback,
    RefitTargets,
    Split,
    hardest_first,
    input_magnitudes,
    measure_accuracy,
    measure_profile,
    open_dataset,
    refit_targets,
    refitted,
    require_images,
)
from hass.narrow import Narrowed, narrowed
from hass.onnx_io import ImportedModel, read_model, without, write_model
from hass.ops import Input
from hass.prune import pruned_weights
from hass.sparsity import NO_CLIPS, Accuracy, Settings, SparsityProfile, act_thresholds_of
from hass.values import Precision
from hass.word_choice import WordTask

from .channel_plan import ChannelPlan, channel_losses, work_of
from .clips import LayerFacts, layer_facts
from .codesign import CoDesign, Ground, clipped_layers, codesign
from .evaluation import Evaluation, accuracy_of, mean_densities
from .floor import Floor, floor_of
from .hooks import SearchHooks, stage_progress
from .known import NOTHING_KNOWN, Known
from .narrower import narrower
from .sensitivity import sensitivities
from .spec import SearchSpec
from .strategy import Hopeless
from .weight_clips import weight_clips_of
from .words import chosen_words

IndexArray = npt.NDArray[np.int64]
DENSE_ENGINES = frozenset({EngineKind.DENSE})


@dataclass(frozen=True)
class Problem:
    """A network, its data and a part: everything that the trials of a search share."""

    spec: SearchSpec
    model: ImportedModel
    data: Dataset
    device: Device
    hooks: SearchHooks
    known: Known

    @cached_property
    def unclipped_profile(self) -> SparsityProfile:
        """The profile with nothing clipped."""
        return self.measured_profile(self.model, NO_CLIPS)

    @cached_property
    def unclipped_accuracy(self) -> Accuracy:
        """Accuracy on the selection split with nothing clipped."""
        return accuracy_of(self.unclipped_hits)

    @cached_property
    def unclipped_hits(self) -> Hits:
        """The images of the selection split that the network gets right with nothing clipped."""
        return self._unclipped.hits

    @cached_property
    def _hardest_first(self) -> IndexArray:
        """Images of the selection split in the order in which trials run them."""
        return hardest_first(self._unclipped.margins)

    @cached_property
    def _floor(self) -> Floor:
        """Of accuracy on the selection split."""
        return floor_of(self.unclipped_hits[self._hardest_first], self.spec.accuracy_drop)

    @cached_property
    def _unclipped(self) -> Answers:
        model, limit = self.model, self.spec.selection_limit
        fronts = Fronts(model.graph, model.weights, self.data, Split.SELECTION, limit)
        return fronts.answers(NO_CLIPS, progress=self._selection_progress)

    @cached_property
    def _fronts(self) -> Fronts:
        return self._fronts_of(self.model, self.words)

    def _fronts_of(self, model: ImportedModel, words: Precision) -> Fronts:
        """Of a network with the words of designs; its images are the hardest first."""

        def narrow(weights: Weights) -> Narrowed:
            """By the ranges that the network has unclipped."""
            return narrowed(model.graph, weights, words, self.unclipped_profile.output_max_abs)

        images = self.data.first_by(Split.SELECTION, self._hardest_first)
        kind = narrow if words.layers else None
        return Fronts(model.graph, model.weights, images, Split.SELECTION, None, kind)

    @cached_property
    def words(self) -> Precision:
        """Word lengths of all designs but the dense one, measured or read from the search's
        folder."""
        task = WordTask(
            self.model.graph,
            self.model.weights,
            self.unclipped_profile,
            self.data,
            (self.spec.bits, *self.spec.layer_bits),
        )
        return chosen_words(task, self.device, self.spec, self.known, self.hooks)

    @cached_property
    def _ranked(self) -> Mapping[str, tuple[ChannelClass, ...]]:
        return ranked_classes(self.model.graph, self.model.weights)

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
        return layer_facts(
            self.model.graph,
            self.model.weights,
            self.unclipped_profile,
            magnitudes,
            weight_clips_of(self.spec.clips),
        )

    @cached_property
    def refit_targets(self) -> RefitTargets:
        """What filters are refitted to after clips."""
        return refit_targets(self.model.graph, self.model.weights, self.data)

    def refitted(self, model: ImportedModel, settings: Settings) -> Settings:
        """Clips of the network, or of a narrower one, with their refits, where the search asks for
        any."""
        if self.spec.refitting is Refit.NONE:
            return settings
        targets = self.refit_targets
        if model is not self.model:
            targets = targets.without(removed_filters(self.model.graph, model.removed))
        return refitted(model.graph, model.weights, settings, targets)

    def measured_profile(self, model: ImportedModel, settings: Settings) -> SparsityProfile:
        """The profile of the network, or of a narrower one, under clips."""
        return measure_profile(
            model.graph,
            model.weights,
            self.data,
            settings,
            images=self.spec.profile_images,
            seed=self.spec.seed,
            progress=stage_progress(self.hooks, "profile"),
        )

    @cached_property
    def channel_plan(self) -> ChannelPlan:
        """What whole channels and clips of activations cost and save, measured or read."""
        facts = clipped_layers(self.facts)
        graph, weights = self.model.graph, self.model.weights
        alone = [replace(layer, weight_shares=()) for layer in facts]  # channels are not clips
        acts = sensitivities(
            graph, weights, self.data, alone, self.known, self.hooks, self.spec.refitting
        )
        leaders = [layer.name for layer in facts if layer.weight_shares]
        channels = channel_losses(graph, weights, self.data, leaders, self.known, self.hooks)
        curves = {("act", name): curve.act for name, curve in acts.items()}
        curves |= {("weight", name): curve for name, curve in channels.items()}
        return ChannelPlan(facts, work_of(graph, self.facts, self._ranked), curves)

    @cached_property
    def codesign(self) -> CoDesign:
        """What the layers' clips cost and buy, measured or read from the search's folder."""
        facts = clipped_layers(self.facts)
        graph, weights = self.model.graph, self.model.weights
        curves = sensitivities(
            graph, weights, self.data, facts, self.known, self.hooks, self.spec.refitting
        )
        ground = Ground(
            graph,
            weights,
            self.data,
            self.device,
            self.unclipped_profile,
            self.spec.profile_images,
            self.spec.seed,
            self.spec.clock_mhz,
            self.words,
            self.objective,
        )
        return codesign(ground, facts, curves, self.known, self.hooks)

    def _selection_hits(
        self, fronts: Fronts, settings: Settings, enough: Callable[[Hits], bool] | None = None
    ) -> Hits:
        return fronts.hits(settings, progress=self._selection_progress, enough=enough)

    @property
    def _selection_progress(self) -> ProgressCallback:
        return stage_progress(self.hooks, f"accuracy ({Split.SELECTION.value})")

    def _limit(self, split: Split) -> int | None:
        return self.spec.selection_limit if split is Split.SELECTION else None

    def dense(self) -> Evaluation:
        """The dense design: dense engines only, nothing clipped.

        The profile changes nothing about dense engines; it makes their share of the multiplier
        bound comparable with that of the others. The accuracy is measured even if nothing fits:
        it sets the floor for all others. A dense design that is slower than is required is the
        fastest one: what others are compared with, whatever it lacks.
        """
        profile = self.unclipped_profile
        words = Precision(self.spec.arithmetic)
        plan = self.solved(self.model, profile, DENSE_ENGINES, words)
        if isinstance(plan, Infeasibility) and self.objective.min_fps is not None:
            plan = self.solved(self.model, profile, DENSE_ENGINES, words, FASTEST)
        return self._evaluation(self.model, plan, profile, self.unclipped_accuracy, words)

    def evaluate(self, settings: Settings, hopeless: Hopeless) -> Evaluation:
        """A design of all engine kinds under some clips.

        Accuracy comes first, so that a hopeless trial costs little: a folding often takes longer.
        """
        words = self.words
        if not settings:
            selection = self.unclipped_accuracy
            if words.layers:
                selection = accuracy_of(self._selection_hits(self._fronts, NO_CLIPS))
            profile = self.unclipped_profile
            plan = self.solved(self.model, profile, ALL_ENGINES, words)
            return self._evaluation(self.model, plan, profile, selection, words)
        model, clips = narrower(self.model, self._ranked, settings)
        clips = self.refitted(model, clips)
        stops = hopeless is Hopeless.STOPPED
        fronts = self._fronts if model is self.model else self._fronts_of(model, words)
        hits = self._selection_hits(fronts, clips, self._floor.missed if stops else None)
        if stops and self._floor.missed(hits):
            stopped = self._floor.stopped(hits)
            return Evaluation(stopped, None, stopped.most, None)
        selection = accuracy_of(hits)
        profile = self.measured_profile(model, clips)
        plan = self.solved(model, profile, ALL_ENGINES, words)
        return self._evaluation(model, plan, profile, selection, words)

    def test_accuracy(self, design: Design) -> Accuracy:
        """Accuracy on the held-out split, with narrow words rounded; for what is final only."""
        model, settings = without(self.model, design.model.removed_channels), design.settings
        thresholds = act_thresholds_of(settings)
        pruned = pruned_weights(model.weights, settings)
        words = narrowed(model.graph, pruned, design.precision, design.output_max_abs)
        graph, rounded = model.graph, words.weights
        return measure_accuracy(
            write_model(graph, rounded, act_thresholds=thresholds, operands=words.operands),
            self.data,
            Split.TEST,
            progress=stage_progress(self.hooks, f"accuracy ({Split.TEST.value})"),
        )

    def integer_accuracy(self, design: Design, split: Split) -> Accuracy:
        """Accuracy of what a design's hardware computes; for what is final only."""
        model = without(self.model, design.model.removed_channels)
        return measure_integer_accuracy(
            design,
            model.graph,
            model.weights,
            self.data,
            split,
            limit=min(MOST_IMAGES, self._limit(split) or MOST_IMAGES),
            progress=stage_progress(self.hooks, f"accuracy in integers ({split.value})"),
        )

    @property
    def objective(self) -> Objective:
        """What designs are folded for."""
        return Objective(Goal(self.spec.goal), self.spec.min_fps)

    def solved(
        self,
        model: ImportedModel,
        profile: SparsityProfile,
        engines: frozenset[EngineKind],
        words: Precision,
        objective: Objective | None = None,
    ) -> FoldingPlan | Infeasibility:
        """The best folding of a network with these kinds of engines and word lengths, for the
        search's objective or another one."""
        self.hooks.stage("folding", 0, 1)
        return solve(
            model.graph,
            self.device,
            profile=profile,
            engines=engines,
            objective=objective or self.objective,
            arithmetic=words,
            clock_mhz=self.spec.clock_mhz,
            weights=WeightsAt.ON_CHIP,  # the only ones that are emitted
        )

    def _evaluation(
        self,
        model: ImportedModel,
        plan: FoldingPlan | Infeasibility,
        profile: SparsityProfile,
        selection: Accuracy | None,
        words: Precision,
    ) -> Evaluation:
        densities = mean_densities(self.model.graph, model.graph, profile)
        if isinstance(plan, Infeasibility):
            return Evaluation(plan, profile.accuracy, selection, densities)
        design = build_design(
            model_ref(model),
            self.device,
            plan,
            provenance_now(seed=self.spec.seed, strategy=self.spec.strategy),
            arithmetic=words,
            profile=profile,
            data=DataRef(self.spec.data, self.data.digest),
            accuracy=DesignAccuracy(profile.accuracy, selection, None),
        )
        return Evaluation(design, profile.accuracy, selection, densities)


def open_problem(spec: SearchSpec, hooks: SearchHooks, known: Known = NOTHING_KNOWN) -> Problem:
    """Read everything a spec names.

    Args:
        spec: of the search.
        hooks: told about progress.
        known: where measurements that trials share are kept.

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
    return Problem(spec, model, data, device, hooks, known)
