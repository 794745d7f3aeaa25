"""The ``hass`` command: finds verbs, and turns errors into a message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from importlib import metadata

import click

from .._version import __version__
from ..errors import HassError, OutputError, SpecError
from ..near import nearest_or_all
from ..printable import message

VERB_GROUP = "hass.verbs"
INTERRUPTED_EXIT_CODE = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE_EXIT_CODE = 141  # 128 + SIGPIPE

# One line per verb, so that listing them loads none of them; in the order of a user's work.
SHORT_HELP = {
    "import": "Read an ONNX model, show its layers, prove that nothing was lost.",
    "prune": "Take whole channels out of a network, with all that is tied to them.",
    "profile": "Measure densities and accuracy of a model on labelled images.",
    "fold": "Find the folding of a model that fits a device and is best at an objective.",
    "estimate": "Cycles, throughput and resources of a design, or of a model with foldings.",
    "search": "Search how much to clip and how to fold, together.",
    "recover": "Win back accuracy of a design by a short training; needs the extra torch.",
    "emit": "Write a design as HLS C++, with a testbench that plain g++ runs (make csim).",
    "export": "Write a design as files for another tool: FINN, hls4ml, fpgaConvNet, ONNX, CSV.",
    "sim": "Simulate a design beat by beat, and set the model against it.",
    "compare": "Set designs or runs side by side; ratios are against the first.",
    "report": "Write the report of a search's folder, or of one design file: "
    "one self-contained page.",
    "devices": "List the FPGA parts known; with NAME, one of them with all its sources.",
    "fidelity": "Simulate many designs, and set the model against them.",
    "bench": "Compare search strategies, over several seeds.",
    "calibrate": "Compare the cost model with synthesis of the RTL by yosys, and refit its "
    "coefficients.",
    "models": "List and export the networks that come with hass.",
    "schema": "Print the JSON Schema of a kind of file; without NAME, list them.",
}


class VerbGroup(click.Group):
    """A group whose commands are the entry points of ``hass.verbs``, loaded when used.

    A verb that cannot be loaded fails when it is used, with its own ImportError, and never
    disturbs the others.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs: ours in the order of work, then strangers' by name."""
        found = {entry.name for entry in metadata.entry_points(group=VERB_GROUP)}
        ours = [name for name in SHORT_HELP if name in found]
        return ours + sorted(found - set(ours))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None if there is no such verb."""
        for entry in metadata.entry_points(group=VERB_GROUP, name=cmd_name):
            command = entry.load()
            if not isinstance(command, click.Command):
                raise TypeError(f"{entry.value}: expected a click command, got {command!r}")
            if all(parameter.name != "debug" for parameter in command.params):
                command.params.append(_debug_option())
            return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, but an unknown verb is answered with the nearest ones."""
        name = args[0]
        verbs = self.list_commands(ctx)
        if name not in verbs and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"no verb {name!r}; {nearest_or_all(name, verbs, cutoff=0.6)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs; a stranger's verb is loaded for its line, ours are not."""
        rows = []
        for name in self.list_commands(ctx):
            line = SHORT_HELP.get(name)
            rows.append((name, self._strangers_line(ctx, name) if line is None else line))
        with formatter.section("Verbs"):
            formatter.write_dl(rows)

    def _strangers_line(self, ctx: click.Context, name: str) -> str:
        try:
            command = self.get_command(ctx, name)
        except ImportError as error:
            return f"(cannot be loaded: {error})"
        return "" if command is None else command.get_short_help_str(limit=72)

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb. Errors that hass raises on purpose end here, bugs do not."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:  # None where the shell closed it (>&-)
                sys.stdout.flush()
        except HassError as error:
            if ctx.meta.get(DEBUG_KEY):
                traceback.print_exception(error)
            _say_error(error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as error:
            if ctx.meta.get(DEBUG_KEY):
                traceback.print_exception(error)
            click.echo(f"\ninterrupted{f': {error}' if str(error) else ''}", err=True)
            ctx.exit(INTERRUPTED_EXIT_CODE)
        except BrokenPipeError:
            _drop_stdout()  # whoever read it has gone
            ctx.exit(BROKEN_PIPE_EXIT_CODE)
        except OSError as error:
            # files are written by functions that raise OutputError: left is stdout on a full disk
            if error.errno not in _DISK_ERRORS or error.filename is not None:
                raise
            _drop_stdout()
            full = OutputError(f"standard output: cannot write: {error.strerror}")
            _say_error(full)
            ctx.exit(full.exit_code)
        return result


DEBUG_KEY = "hass.debug"
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


def _drop_stdout() -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[DEBUG_KEY] = True  # click shares meta between a group and its commands


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_debug,
        help="On an error, show the traceback.",
    )


def _say_error(error: HassError) -> None:
    lines = message(str(error)).splitlines() or [type(error).__name__]
    if isinstance(error, SpecError) and len(error.mistakes) > 1:
        lines = [f"{len(error.mistakes)} mistakes", *(f"  {line}" for line in lines)]
    click.echo(click.style("error: ", fg="red", bold=True) + "\n".join(lines), err=True)


@click.command(
    cls=VerbGroup,
    params=[_debug_option()],
    subcommand_metavar="VERB [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 bug, 2 bad flag or file, 3 infeasible, 4 model or profile "
    "not usable, 5 solver failed, 6 cannot write, 7 workers died. `hass VERB --help` has an "
    "example of each.",
)
@click.version_option(__version__, prog_name="hass", message="%(prog)s %(version)s")
def main() -> None:
    """Explore sparse dataflow CNN accelerators on FPGAs.

    Data goes to stdout (--json for scripts), talk and progress to stderr.
    """
