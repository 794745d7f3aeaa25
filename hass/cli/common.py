"""What verbs share: options, tables, progress. stdout is data, stderr is talk."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias, TypeVar

import click
from click.shell_completion import CompletionItem

from ..device import Device, device_names, load_device
from ..errors import OutputError, SpecError
from ..files import JsonValue, canonical_json
from ..near import near_files
from ..pareto import Measure
from ..printable import message, printable
from ..values import ACC_BITS
from .choices import Choice, Count, Number, not_among

if TYPE_CHECKING:
    from rich.progress import Progress

Cell: TypeAlias = str | int | float | None
ProgressCallback: TypeAlias = Callable[[int, int], None]  # (done, total)
F = TypeVar("F", bound=Callable[..., object])


def _device_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem | str]:
    return [name for name in device_names() if name.startswith(incomplete)]


def _to_device(ctx: click.Context, param: click.Parameter, value: str | None) -> Device | None:
    return None if value is None else load_device(value)


def _to_output(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    if value is None:
        return None
    path = Path(value)
    check_writable(path)
    return path


def check_writable(path: Path) -> None:
    """Refuse an output file early.

    Raises:
        OutputError: if the path is a folder, or its folder is missing or not writable.
    """
    if path.is_dir():
        raise OutputError(f"{path}: cannot write: is a folder")
    if not path.parent.is_dir():
        hint = near_files(path.parent)
        more = f"; {hint}" if hint else ""
        raise OutputError(f"{path}: cannot write: {path.parent} is not an existing folder{more}")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: cannot write: permission denied")


def model_argument() -> Callable[[F], F]:
    """``MODEL``: passed on as ``model: str``; ``read_model`` judges it."""
    return click.argument("model", metavar="MODEL")


def json_option() -> Callable[[F], F]:
    """``--json``: passed on as ``as_json: bool``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")


def device_option(*, required: bool = True) -> Callable[[F], F]:
    """``--device``: passed on as ``device: Device`` (or None where it is not required)."""
    return click.option(
        "--device",
        metavar="DEVICE",
        required=required,
        callback=_to_device,
        shell_complete=_device_names,
        help="Device name (see `hass devices`) or a .toml file.",
    )


def _to_devices(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[Device, ...]:
    return tuple(load_device(name) for name in value)


def devices_option() -> Callable[[F], F]:
    """``--device``, once or more: passed on as ``devices: tuple[Device, ...]``."""
    return click.option(
        "--device",
        "devices",
        metavar="DEVICE",
        required=True,
        multiple=True,
        callback=_to_devices,
        shell_complete=_device_names,
        help="Device name (see `hass devices`) or a .toml file; several are a chain.",
    )


def clock_option() -> Callable[[F], F]:
    """``--clock-mhz``: passed on as ``clock_mhz: float | None``."""
    return click.option(
        "--clock-mhz",
        type=Number(min=0, min_open=True, max=10_000),
        help="Clock of the design; the device's default without it.",
    )


def bits_option() -> Callable[[F], F]:
    """``--bits``: passed on as ``bits: int | None``, for ``word_lengths_of``."""
    return click.option(
        "--bits",
        type=Choice([str(bits) for bits in ACC_BITS]),
        callback=lambda ctx, param, value: None if value is None else int(value),
        show_default="16; of a quantised model its own",
        help="Word length of activations and weights. Accuracy in integers says what fewer cost.",
    )


def data_option(*, required: bool = True) -> Callable[[F], F]:
    """``--data``: passed on as ``data: str`` (or None); ``open_dataset`` judges it."""
    return click.option(
        "--data",
        metavar="DATA",
        required=required,
        help="Labelled images: a folder with dataset.toml, such a file, or a .npz.",
    )


def profile_option() -> Callable[[F], F]:
    """``--profile``: passed on as ``profile_path: str | None``."""
    return click.option(
        "--profile",
        "profile_path",
        metavar="PROFILE",
        help="Measured sparsity (profile.json); dense without it.",
    )


def seed_option() -> Callable[[F], F]:
    """``--seed``: passed on as ``seed: int``."""
    return click.option(
        "--seed", type=Count(min=0), default=0, show_default=True, help="Random seed."
    )


def _to_pair(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[str, str] | None:
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in set(Measure):
            raise click.BadParameter(not_among(name, tuple(Measure)))
    if len(names) != 2 or names[0] == names[1]:
        raise click.BadParameter(f"{value!r}: expected two of {', '.join(Measure)}, A,B")
    return names[0], names[1]


def front_option(help_text: str) -> Callable[[F], F]:
    """``--front A,B``: passed on as ``front: tuple[str, str] | None``, names of ``Measure``."""
    return click.option("--front", metavar="A,B", callback=_to_pair, help=help_text)


def folder_option() -> Callable[[F], F]:
    """``-o``: passed on as ``output: str``, for ``hass.folder``."""
    return click.option(
        "-o", "--output", metavar="DIR", required=True, help="Folder to write; new or empty."
    )


def network_option() -> Callable[[F], F]:
    """``--model``: passed on as ``model: str | None``, for ``inputs.design_model``."""
    return click.option(
        "--model", metavar="MODEL", help="The network, where it is not where it was."
    )


def frames_option(what: str) -> Callable[[F], F]:
    """``--frames``: passed on as ``frames: int``, at least 1."""
    return click.option("--frames", type=Count(min=1), default=100, show_default=True, help=what)


def roots_option(what: str) -> Callable[[F], F]:
    """``--root``, any number of times: passed on as ``roots: tuple[Path, ...]``."""
    return click.option(
        "--root",
        "roots",
        metavar="FOLDER",
        multiple=True,
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help=f"Where {what} are looked for, before the folder of CASES; may be repeated.",
    )


def page_option(what: str) -> Callable[[F], F]:
    """``--page``: passed on as ``page: Path | None``, for ``hass.page``."""
    return click.option(
        "--page",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Also write the {what} to this Markdown file; its other sections stay.",
    )


def output_option(help_text: str) -> Callable[[F], F]:
    """``-o/--output FILE``: passed on as ``output: Path | None``, checked before the work."""
    return click.option("-o", "--output", metavar="FILE", callback=_to_output, help=help_text)


@contextmanager
def torch_needed(verb: str) -> Iterator[None]:
    """For the imports of a verb that needs the extra torch.

    Raises:
        SpecError: if torch is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        expected = "torch: pip install '.[torch]' in hass's folder"
        raise SpecError.at(verb, "no module 'torch'", expected) from error


def talk(text: str) -> None:
    """One remark to the user, on stderr."""
    click.echo(message(text), err=True)


def print_json(value: Mapping[str, JsonValue]) -> None:
    """A verb's result on stdout, as canonical JSON (infinite numbers are refused)."""
    click.echo(canonical_json(value), nl=False)


def cell_text(cell: Cell) -> str:
    """A table's cell: thousands separated, four significant digits, ``-`` for nothing."""
    match cell:
        case None:
            return "-"
        case int():
            return f"{cell:,}"
        case float() if math.isfinite(cell) and abs(cell) >= 1000:
            return f"{cell:,.0f}"
        case float():
            return f"{cell:.4g}"
        case _:
            return printable(cell)


def percent(share: float | None) -> str:
    """A share as a cell: ``12.3 %``."""
    return "-" if share is None else f"{100 * share:.1f} %"


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    title: str | None = None,
    footer: Sequence[Cell] | None = None,
) -> None:
    """A table on stdout: drawn on a terminal, plain and never cut short in a pipe.

    Args:
        columns: headings.
        rows: cells, as many as headings; a column of which every cell is a number, nothing or a
            percentage stands to the right.
        title: a line above.
        footer: a last row, set off (totals).
    """
    every = [*rows, *([footer] if footer is not None else [])]
    texts = [[cell_text(cell) for cell in row] for row in every]
    right = [
        bool(rows) and all(_is_number(row[index]) for row in rows) for index in range(len(columns))
    ]
    width = sum(max(map(len, texts_of)) + 3 for texts_of in zip(columns, *texts, strict=True)) + 1
    if title is not None:
        click.echo(message(title))  # an empty line may come before it
    if on_terminal(sys.stdout) and width <= shutil.get_terminal_size().columns:
        _print_rich(columns, texts, right, footer is not None)
    else:
        _print_plain(columns, texts, right)


def on_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; one that the shell closed (``>&-``) is None."""
    return stream is not None and stream.isatty()


def _is_number(cell: Cell) -> bool:
    return not isinstance(cell, str) or cell == "-" or cell.endswith(" %")


def _print_plain(
    columns: Sequence[str],
    texts: Sequence[Sequence[str]],
    right: Sequence[bool],
) -> None:
    widths = [
        max(len(heading), *(len(row[index]) for row in texts), 0)
        for index, heading in enumerate(columns)
    ]
    for row in (columns, ["-" * width for width in widths], *texts):
        cells = (
            text.rjust(width) if flush else text.ljust(width)
            for text, width, flush in zip(row, widths, right, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def _print_rich(
    columns: Sequence[str],
    texts: Sequence[Sequence[str]],
    right: Sequence[bool],
    has_footer: bool,
) -> None:
    from rich.console import Console  # here, as rich takes longer to load than most verbs work
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading, flush in zip(columns, right, strict=True):
        table.add_column(escape(heading), justify="right" if flush else "left", overflow="fold")
    for index, row in enumerate(texts):
        before_footer = has_footer and index == len(texts) - 2
        table.add_row(*(escape(text) for text in row), end_section=before_footer)
    Console().print(table)


def progress_bars() -> Progress:
    """Bars on stderr with elapsed and remaining time; to be entered as a context."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def progress(description: str) -> Iterator[ProgressCallback]:
    """A progress bar with the time left, on stderr; one line where stderr is no terminal.

    Yields:
        a callback that takes (done, total); it may be called as often as one likes.
    """
    if not on_terminal(sys.stderr):
        talk(f"{description} ...")
        yield lambda done, total: None
        return
    bar = progress_bars()
    with bar:
        task = bar.add_task(description, total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show
