"""The hand-over object: one accelerator for one network on one part, with where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from ._version import __version__
from .channels import Removed
from .cost import COST_MODEL_VERSION, Estimate
from .cuts import WHOLE, Part
from .device import Device, Resources
from .errors import ProfileError
from .fixed_point import NumberFormats, choose_formats
from .folding.plan import FoldingPlan
from .graph import Graph, Weights
from .html_table import PrettyPrinter, html_table
from .sparsity import NO_CLIPS, Accuracy, Settings, SparsityProfile
from .values import Arithmetic, Precision, WordLengths, precision_of

if TYPE_CHECKING:
    from .onnx_io import ImportedModel

# libraries whose version can change a result
RESULT_PACKAGES = ("highspy", "numpy", "onnx", "onnxruntime", "optuna", "pulp")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which network a design is of.

    Attributes:
        path: of the ONNX file, as it was given.
        sha256: of the ONNX file.
        graph_digest: of the imported graph.
        weights_digest: of the imported, dense weights.
        part: which layers of the network; both digests are of this part.
        removed_channels: of the file's network, Conv2d layer -> output channels; both digests are
            of the network without them and what is tied to them (``onnx_io.without``).
    """

    path: str
    sha256: str
    graph_digest: str
    weights_digest: str
    part: Part = WHOLE
    removed_channels: Removed = field(default_factory=dict)

    def __post_init__(self) -> None:
        removed = MappingProxyType(dict(self.removed_channels))
        object.__setattr__(self, "removed_channels", removed)


@dataclass(frozen=True, slots=True)
class DataRef:
    """Which data a design was measured on.

    Attributes:
        path: as it was given; None where only a profile was given.
        digest: of the images.
    """

    path: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class EstimateSummary:
    """An estimate in a few numbers; ``utilisation`` is the share of what the part has.

    ``energy_proxy_pj`` is no measured energy: see ``cost.energy``; None in files older than it.
    """

    frame_ii_cycles: int
    throughput_fps: float
    latency_us: float
    depth_cycles: int
    resources: Resources
    utilisation: Mapping[str, float]
    bottleneck: str
    active_macs_per_frame: float
    multiplier_bound_share: float
    energy_proxy_pj: int | None = None

    @property
    def images_per_cycle_per_dsp(self) -> float | None:
        """Efficiency: frames per cycle and DSP; None for a design without DSPs."""
        dsp = self.resources.dsp
        return 1 / (self.frame_ii_cycles * dsp) if dsp else None

    def __post_init__(self) -> None:
        object.__setattr__(self, "utilisation", MappingProxyType(dict(self.utilisation)))


def summarise(estimate: Estimate, device: Device) -> EstimateSummary:
    """The summary of an estimate on a device."""
    return EstimateSummary(
        frame_ii_cycles=estimate.frame_ii_cycles,
        throughput_fps=estimate.throughput_fps,
        latency_us=estimate.latency_us,
        depth_cycles=estimate.depth_cycles,
        resources=estimate.resources,
        utilisation=estimate.resources.utilisation(device.available),
        bottleneck=estimate.bottleneck,
        active_macs_per_frame=estimate.active_macs_per_frame,
        multiplier_bound_share=estimate.multiplier_bound_share,
        energy_proxy_pj=estimate.energy_proxy_pj,
    )


@dataclass(frozen=True, slots=True)
class DesignAccuracy:
    """Top-1 accuracy on the three splits; None where a split was not run."""

    calibration: Accuracy | None = None
    selection: Accuracy | None = None
    test: Accuracy | None = None


@dataclass(frozen=True, slots=True)
class LayerDensity:
    """Shares that are not zero in one Conv2d layer; see ``LayerSparsity``."""

    weight_density: float
    act_density: float
    pair_density: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a design, as far as it can change the result; no times, no machine.

    Attributes:
        hass_version: of this package.
        cost_model_version: raised whenever an equal design gets other cycles or resources.
        seed: of the search, or None.
        strategy: of the search, or None.
        packages: library -> version.
    """

    hass_version: str
    cost_model_version: int
    seed: int | None
    strategy: str | None
    packages: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "packages", MappingProxyType(dict(self.packages)))


@dataclass(frozen=True, slots=True)
class DesignResult:
    """What is kept of another design for comparison: the dense one inside ``best.json``."""

    summary: EstimateSummary
    accuracy: DesignAccuracy | None
    integer_accuracy: DesignAccuracy | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """One accelerator, complete: can be emitted, simulated, compared and estimated again.

    Attributes:
        model: the network.
        data: what it was measured on, or None without a profile.
        device: the whole part, so that the file needs no other.
        arithmetic: word lengths of layers without their own, and of the streams.
        layer_arithmetic: Conv2d layer -> its own word lengths.
        settings: clips, Conv2d layer -> setting.
        plan: foldings, their estimate, and its proof.
        summary: of ``plan.estimate`` on ``device``.
        densities: Conv2d layer -> measured densities; empty without a profile.
        output_max_abs: layer -> largest |output| seen; empty without a profile.
        accuracy: measured in floating point, clips applied; None where it was not. Of a search
            with word lengths of layers, on the selection and test splits, with the words of these
            layers rounded (``narrow``).
        integer_accuracy: of the integers that the hardware computes (``integer_accuracy``), by
            the reference, on at most ``MOST_IMAGES`` images of a split; None where it was not.
        dense: the dense design of the same search, or None.
        trials: finished trials of the search, or None.
        provenance: what made it.
    """

    model: ModelRef
    data: DataRef | None
    device: Device
    arithmetic: Arithmetic
    layer_arithmetic: Mapping[str, Arithmetic]
    settings: Settings
    plan: FoldingPlan
    summary: EstimateSummary
    densities: Mapping[str, LayerDensity]
    output_max_abs: Mapping[str, float]
    accuracy: DesignAccuracy | None
    integer_accuracy: DesignAccuracy | None
    dense: DesignResult | None
    trials: int | None
    provenance: Provenance

    def __post_init__(self) -> None:
        for name in ("layer_arithmetic", "settings", "densities", "output_max_abs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        layers = self.plan.estimate.layers
        if {name: layer.folding for name, layer in layers.items()} != dict(self.plan.foldings):
            raise ValueError("the plan's foldings are not those of its estimate")
        expected = summarise(self.plan.estimate, self.device)
        if self.summary != expected:
            raise ValueError(f"the summary is not that of the plan: {self.summary}, not {expected}")
        if self.dense is not None:
            dense = self.dense.summary
            if dense.utilisation != dense.resources.utilisation(self.device.available):
                raise ValueError("the dense design's utilisation is not that of its resources")
        named = ("layer_arithmetic", "settings", "densities")
        for what, names in ((what, getattr(self, what)) for what in named):
            unknown = sorted(set(names) - set(layers))
            if unknown:
                raise ValueError(f"{what} name layers that do not exist: {', '.join(unknown)}")
        if dict(self.precision.layers) != dict(self.layer_arithmetic):
            raise ValueError("layer_arithmetic names layers whose word lengths are arithmetic's")

    @property
    def precision(self) -> Precision:
        """Word lengths of all layers."""
        return Precision(self.arithmetic, self.layer_arithmetic)

    def _repr_html_(self) -> str:
        """For notebooks: the design in numbers."""
        from .report.words import number, percent, shown, top1  # here: a report is of designs

        summary, estimate = self.summary, self.plan.estimate
        rows = [
            ("frames/s in steady state", number(summary.throughput_fps)),
            ("frame II, cycles", number(summary.frame_ii_cycles)),
            ("latency of one frame, µs", number(summary.latency_us)),
            ("slowest part", shown(summary.bottleneck)),
            ("multipliers", number(estimate.multipliers)),
            ("share of the multiplier bound", percent(summary.multiplier_bound_share)),
            *(
                (name.upper(), f"{number(getattr(summary.resources, name))} ({percent(share)})")
                for name, share in summary.utilisation.items()
            ),
        ]
        for measured, words in (
            (self.accuracy, ""),
            (self.integer_accuracy, f", {arithmetic_title(self.arithmetic)}"),
        ):
            for split in ("selection", "test"):
                accuracy = None if measured is None else getattr(measured, split)
                if accuracy is not None:
                    rows.append((f"top-1, {split} split{words}", top1(accuracy)))
        words = f"{estimate.clock_mhz:g} MHz, {arithmetic_title(self.arithmetic)}"
        return html_table(f"{shown(self._name())}, {words}", (), rows)

    def _repr_pretty_(self, printer: PrettyPrinter, cycle: bool) -> None:
        """For IPython's terminal, and beside the table in a notebook's file."""
        printer.text(f"<Design: {self._name()}, {self.summary.throughput_fps:,.0f} frames/s>")

    def _name(self) -> str:
        network = PurePosixPath(self.model.path.replace("\\", "/")).name
        return f"{network} on {self.device.name}"


def provenance_now(*, seed: int | None = None, strategy: str | None = None) -> Provenance:
    """Provenance of what this installation makes."""
    return Provenance(
        hass_version=__version__,
        cost_model_version=COST_MODEL_VERSION,
        seed=seed,
        strategy=strategy,
        packages={name: metadata.version(name) for name in RESULT_PACKAGES},
    )


def model_ref(model: ImportedModel) -> ModelRef:
    """The reference to an imported model."""
    return ModelRef(
        path=model.path,
        sha256=model.sha256,
        graph_digest=model.graph.digest,
        weights_digest=model.weights.digest,
        part=model.part,
        removed_channels=model.removed,
    )


def layer_densities(profile: SparsityProfile) -> dict[str, LayerDensity]:
    """The densities of a profile, without its distributions."""
    return {
        name: LayerDensity(layer.weight_density, layer.act_density, layer.pair_density)
        for name, layer in profile.layers.items()
    }


def build_design(
    model: ImportedModel | ModelRef,
    device: Device,
    plan: FoldingPlan,
    provenance: Provenance | None = None,
    *,
    arithmetic: WordLengths | None = None,
    profile: SparsityProfile | None = None,
    data: DataRef | None = None,
    accuracy: DesignAccuracy | None = None,
    integer_accuracy: DesignAccuracy | None = None,
    dense: DesignResult | None = None,
    trials: int | None = None,
) -> Design:
    """A design from its parts; settings, densities and maxima are those of the profile.

    Args:
        model: the network, or the reference to it.
        device: what it is folded for.
        plan: its foldings; of ``solve``.
        provenance: what made it; this installation, without a search, if not given.
        arithmetic: word lengths that the plan is for.
        profile: the measured sparsity that the plan is for; None: dense.
        data: where the profile's and the accuracies' images are from.
        accuracy, integer_accuracy: in floating point, and in the integers of the hardware.
        dense: the dense design's result, to compare with.
        trials: finished ones of the search.
    """
    precision = precision_of(arithmetic or Arithmetic()).within(plan.foldings)
    return Design(
        model=model if isinstance(model, ModelRef) else model_ref(model),
        data=data,
        device=device,
        arithmetic=precision.default,
        layer_arithmetic=precision.layers,
        settings=NO_CLIPS if profile is None else profile.settings,
        plan=plan,
        summary=summarise(plan.estimate, device),
        densities={} if profile is None else layer_densities(profile),
        output_max_abs={} if profile is None else profile.output_max_abs,
        accuracy=accuracy,
        integer_accuracy=integer_accuracy,
        dense=dense,
        trials=trials,
        provenance=provenance or provenance_now(),
    )


def arithmetic_title(arithmetic: WordLengths) -> str:
    """What the numbers of a design are, in words.

    >>> arithmetic_title(Arithmetic()), arithmetic_title(Arithmetic(8, 4, 20))
    ('16-bit integers', '8- and 4-bit integers')
    >>> arithmetic_title(Precision(Arithmetic(), {"conv": Arithmetic(8, 8, 20)}))
    '16-bit integers (8-bit in 1 layer)'
    """
    precision = precision_of(arithmetic)
    own = Counter(map(_bits_title, precision.layers.values()))
    narrow = [f"{bits} in {count} layer{'s' * (count > 1)}" for bits, count in own.items()]
    return f"{_bits_title(precision.default)} integers" + f" ({', '.join(narrow)})" * bool(narrow)


def _bits_title(arithmetic: Arithmetic) -> str:
    words, weights = arithmetic.act_bits, arithmetic.weight_bits
    return f"{words}-bit" if words == weights else f"{words}- and {weights}-bit"


def formats_of(design: Design, graph: Graph, weights: Weights) -> NumberFormats:
    """The number formats of a design.

    Raises:
        ProfileError: if the design was folded without a profile, which alone knows the ranges.
    """
    if not design.output_max_abs:
        raise ProfileError(
            "the design carries no measured ranges (output_max_abs), from which number formats "
            "are chosen: make it with `hass search`, or with `hass profile` and then "
            "`hass fold --profile`"
        )
    return choose_formats(graph, weights, design.output_max_abs, design.precision)
