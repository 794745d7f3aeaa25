"""The group: verbs, help, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hass import __version__
from hass.cli import main
from hass.cli.app import SHORT_HELP, VERB_GROUP
from hass.errors import InfeasibleError, Mistake, OutputError, SolverError, SpecError

ALL_VERBS = tuple(SHORT_HELP)


class _FakeEntry:
    """An entry point whose verb raises, as a stranger's might."""

    value = "stranger:command"

    def __init__(self, name: str, error: BaseException | None = None) -> None:
        self.name = name
        self._error = error

    def load(self) -> click.Command:
        error = self._error

        @click.command(self.name, help="Does strange things.")
        def command() -> None:
            if error is not None:
                raise error

        return command


class _BrokenEntry(_FakeEntry):
    def load(self) -> click.Command:
        raise ImportError("no module named stranger")


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> list[_FakeEntry]:
    """Entry points of the test's choice; fill the list."""
    entries: list[_FakeEntry] = []

    def entry_points(*, group: str, name: str | None = None) -> list[_FakeEntry]:
        assert group == VERB_GROUP
        return [entry for entry in entries if name in (None, entry.name)]

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    return entries


def test_help_lists_every_verb() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for entry in metadata.entry_points(group=VERB_GROUP):
        assert f"\n  {entry.name} " in result.stdout
        assert entry.name in SHORT_HELP


def _pages(verb: str) -> list[list[str]]:
    """The verb, or its own verbs where it has some."""
    command = main.get_command(click.Context(main), verb)
    if isinstance(command, click.Group):
        return [[verb, name] for name in command.commands]
    return [[verb]]


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "--help"])
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.replace("-\n  ", "-").split())  # click breaks at hyphens
    assert SHORT_HELP[verb] in words
    assert "--debug" in result.stdout
    for argv in _pages(verb):
        page = CliRunner().invoke(main, [*argv, "--help"]).stdout
        assert f"hass {' '.join(argv)}" in page.partition("Example")[2]


def test_version() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.stdout == f"hass {__version__}\n"


def test_python_runs_it_as_a_module() -> None:
    argv = [sys.executable, "-P", "-m", "hass", "serach"]
    result = subprocess.run(argv, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Usage: python -m hass [OPTIONS] VERB" in result.stderr
    assert "no verb 'serach'; did you mean search?" in result.stderr


def test_a_near_miss_is_suggested() -> None:
    result = CliRunner().invoke(main, ["serach"])
    assert result.exit_code == 2
    assert "no verb 'serach'; did you mean search?" in result.stderr


def test_a_far_miss_lists_the_verbs() -> None:
    result = CliRunner().invoke(main, ["xyzzy"])
    assert result.exit_code == 2
    assert "one of import, prune, profile" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecError.at("x", 1, "2"), 2),
        (InfeasibleError("too small"), 3),
        (SolverError("stopped"), 5),
        (OutputError("full"), 6),
    ],
)
def test_an_error_is_one_message_and_its_exit_code(
    stranger: list[_FakeEntry], error: Exception, code: int
) -> None:
    stranger.append(_FakeEntry("strange", error))
    result = CliRunner().invoke(main, ["strange"])
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"error: {error}\n"


def test_several_mistakes_are_counted(stranger: list[_FakeEntry]) -> None:
    mistakes = [Mistake("a", "1", "2"), Mistake("b", "3", "4")]
    stranger.append(_FakeEntry("strange", SpecError(mistakes)))
    result = CliRunner().invoke(main, ["strange"])
    assert result.stderr == ("error: 2 mistakes\n  a: got 1, expected 2\n  b: got 3, expected 4\n")


@pytest.mark.parametrize("argv", [["--debug", "strange"], ["strange", "--debug"]])
def test_debug_shows_the_traceback_as_well(stranger: list[_FakeEntry], argv: list[str]) -> None:
    stranger.append(_FakeEntry("strange", OutputError("full")))
    result = CliRunner().invoke(main, argv)
    assert result.exit_code == 6
    assert result.stderr.startswith("Traceback")
    assert result.stderr.endswith("error: full\n")


def test_a_bug_is_not_swallowed(stranger: list[_FakeEntry]) -> None:
    stranger.append(_FakeEntry("strange", ZeroDivisionError("oops")))
    result = CliRunner().invoke(main, ["strange"])
    assert isinstance(result.exception, ZeroDivisionError)
    assert result.exit_code == 1


def test_interrupted_says_what_was_kept(stranger: list[_FakeEntry]) -> None:
    stranger.append(_FakeEntry("strange", KeyboardInterrupt("3 trials kept")))
    result = CliRunner().invoke(main, ["strange"])
    assert result.exit_code == 130
    assert "interrupted: 3 trials kept" in result.stderr


def test_a_strangers_verb_is_listed_and_a_broken_one_fails_only_when_used(
    stranger: list[_FakeEntry],
) -> None:
    stranger.extend([_FakeEntry("fine"), _BrokenEntry("broken")])
    listing = CliRunner().invoke(main, ["--help"])
    assert listing.exit_code == 0
    assert "Does strange things." in listing.stdout
    assert "cannot be loaded: no module named stranger" in listing.stdout
    assert CliRunner().invoke(main, ["fine"]).exit_code == 0
    assert isinstance(CliRunner().invoke(main, ["broken"]).exception, ImportError)


def test_a_closed_pipe_is_no_error() -> None:
    code = (
        "import os, sys\n"
        "from hass.cli import main\n"
        "read, write = os.pipe()\n"
        "os.close(read)\n"
        "os.dup2(write, 1)\n"
        "main(['devices', '--json'])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 141
    assert result.stderr == ""


@pytest.mark.parametrize("verb", [["devices"], ["devices", "--json"]])
def test_a_full_disk_under_stdout(verb: list[str]) -> None:
    code = f"from hass.cli import main; main({verb})"
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 6
    assert result.stderr == "error: standard output: cannot write: No space left on device\n"


def test_closed_streams_are_no_error() -> None:
    code = "import sys; from hass.cli import main; main(['devices'])"
    for closed in (">&-", "2>&-", ">&- 2>&- <&-"):
        command = f'exec "$0" -c "$1" {closed}'
        result = subprocess.run(["sh", "-c", command, sys.executable, code], capture_output=True)
        assert result.returncode == 0, result.stderr
