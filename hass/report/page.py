"""The page: everything inline, nothing fetched, every name escaped."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath

import jinja2
from markupsafe import Markup

from ..design import Design, arithmetic_title
from ..files import write_text_atomic
from ..pareto import Measure, Pair
from .layer_plots import layer_pictures
from .limits import limits
from .pipeline import deep_fifos, pipeline_pictures
from .run import Run, as_trial, gain_over, load_run, measure_of
from .run_plots import device_picture, front_note, pareto_picture
from .tables import (
    device_table,
    front_table,
    layer_table,
    origin_table,
    source_table,
    summary_table,
)
from .words import ABSENT, number, percent, ratio, shown


@dataclass(frozen=True, slots=True)
class Card:
    """A figure to see first: what it is, its value, and what it is compared with."""

    title: str
    value: str
    note: str


def render_report(source: Path, pair: Pair | None = None) -> str:
    """The report of a search's folder, or of one design file, as an HTML page.

    Args:
        source: the folder (best.json, trials.csv, pareto.csv, designs/) or a design.json.
        pair: measures of the front, instead of those of the search.

    Returns:
        The page, with all pictures inline, no script and no request; equal input gives equal text.

    Raises:
        SpecError: if it is neither, or its files are wrong.
    """
    return _page(load_run(source, pair))


def write_report(source: Path, target: Path) -> None:
    """``render_report`` into a file, whole or not at all.

    Raises:
        SpecError: see ``render_report``.
        OutputError: if the file cannot be written.
    """
    write_text_atomic(target, render_report(source))


def _page(run: Run) -> str:
    design = run.best
    dense = None if design.dense is None else design.dense.summary
    pareto = pareto_picture(run)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_resource("page.html.j2")).render(
        style=Markup(_resource("style.css.j2")),
        network=shown(PurePosixPath(design.model.path.replace("\\", "/")).name),
        device=shown(design.device.name),
        part=shown(design.device.part),
        clock=f"{design.plan.estimate.clock_mhz:g}",
        sentence=_sentence(design),
        cards=_cards(design),
        summary=summary_table(design),
        pareto=None if pareto is None else Markup(pareto.svg()),
        front=front_table(run) if run.trials else None,
        front_title=" and ".join(run.aim.pair).capitalize(),
        front_note=front_note(run),
        trials=len(run.trials),
        failed=run.failed,
        limits=limits(design),
        utilisation=Markup(device_picture(design, dense).svg()),
        device_use=device_table(design),
        pipeline=tuple(Markup(each.svg()) for each in pipeline_pictures(design).pictures),
        fifos=deep_fifos(design),
        layers=tuple(Markup(each.svg()) for each in layer_pictures(design, run.dense).pictures),
        layer_table=layer_table(design),
        with_dense=run.dense is not None,
        origin=origin_table(run),
        sources=source_table(design),
        spec=run.spec,
    )


def _resource(name: str) -> str:
    return (resources.files("hass.report") / name).read_text(encoding="utf-8")


def _reached(design: Design) -> str:
    """What the design reaches at its objective, and how fast it is."""
    summary, dense = design.summary, None if design.dense is None else design.dense.summary
    rate = f"{number(summary.throughput_fps)} frames/s in steady state"
    measure, place = measure_of(design), shown(design.device.name)
    if summary == dense:
        return f"{rate} on {place}: the dense design, as no trial was better"
    if measure is None or measure is Measure.THROUGHPUT:
        times = "" if dense is None else ratio(summary.throughput_fps, dense.throughput_fps)
        return f"{rate} on {place}" + (f", {times} the dense design" if times else "")
    gain = None if dense is None else gain_over(design, dense)
    better = "" if gain is None else f", {gain:.2f} times better than the dense design"
    return f"{measure.text(measure.of(as_trial(summary)))} on {place}{better}, at {rate}"


def _sentence(design: Design) -> str:
    text = _reached(design)
    accuracy = design.accuracy
    if accuracy is not None and accuracy.test is not None:
        text += f", with {percent(accuracy.test.top1)} top-1 on held-out images"
        before = None if design.dense is None else design.dense.accuracy
        if before is not None and before.test is not None:
            text += f" (dense: {percent(before.test.top1)})"
        integers = design.integer_accuracy
        if integers is not None and integers.test is not None:
            words = arithmetic_title(design.precision)
            text += f", {percent(integers.test.top1)} in {words} ({integers.test.images:,} images)"
    return text + "."


def _cards(design: Design) -> tuple[Card, ...]:
    new = design.summary
    old = None if design.dense is None else design.dense.summary
    efficiency = new.images_per_cycle_per_dsp
    before = None if old is None else old.images_per_cycle_per_dsp

    def against(value: float | None, base: float | None) -> str:
        times = ratio(value, base)
        return "" if times == ABSENT else f"{times} dense ({number(base)})"

    cards = [
        Card(
            "Frames/s, steady state",
            number(new.throughput_fps),
            against(new.throughput_fps, None if old is None else old.throughput_fps),
        ),
        Card(
            "Latency of one frame",
            f"{number(new.latency_us)} µs",
            against(new.latency_us, None if old is None else old.latency_us),
        ),
        Card("Images per cycle per DSP", number(efficiency), against(efficiency, before)),
    ]
    accuracy = design.accuracy
    for split in ("selection", "test"):
        measured = None if accuracy is None else getattr(accuracy, split)
        if measured is None:
            continue
        kept = None if design.dense is None else design.dense.accuracy
        base = None if kept is None else getattr(kept, split)
        notes = [] if base is None else [f"dense {percent(base.top1, 2)}"]
        stated = design.integer_accuracy
        integers = None if stated is None else getattr(stated, split)
        if integers is not None:
            notes.append(f"in integers {percent(integers.top1, 2)}")
        note = ", ".join(notes)
        cards.append(Card(f"Top-1, {split} split", percent(measured.top1, 2), note))
    return tuple(cards)
