"""README and the pages of docs/: their commands and their Python, found and run."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from hass.cli import main

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
# Made by other commands, and held by other tests.
MADE = {"fidelity.md", "benchmarks.md", "strategies.md"}  # below docs/
# A line of an indented block of README that begins so is a command.
_PROGRAMS = ("hass", "make", "pip", "python", "for")
_COMMENT = re.compile(r"(^|\s+)#\s.*$")
COLUMNS = "100"


def pages() -> list[Path]:
    """README and all pages that people wrote."""
    return [README, *sorted(p for p in DOCS.rglob("*.md") if str(p.relative_to(DOCS)) not in MADE)]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced or indented block.

    Attributes:
        line: number of its first line inside, from 0.
        kind: what stands behind the fence; "indented" without one.
        lines: without indentation.
    """

    line: int
    kind: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command that a page tells people to type.

    Attributes:
        line: number of its line, from 0.
        text: without prompt and remark.
        output: lines that the page shows behind it.
    """

    line: int
    text: str
    output: tuple[str, ...]


def blocks(text: str) -> Iterator[Block]:
    """All blocks of a page. Indented ones are those of README, which has no fences."""
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        fence = re.match(r"^( *)(`{3,})(.*)$", lines[index])
        if fence is not None:
            indent, ticks, kind = fence.groups()
            start = index = index + 1
            while index < len(lines) and lines[index].strip() != ticks:
                index += 1
            inside = tuple(line.removeprefix(indent) for line in lines[start:index])
            yield Block(start, kind.strip(), inside)
        elif lines[index].startswith("    ") and (index == 0 or not lines[index - 1].strip()):
            start = index
            while index < len(lines) and (lines[index].startswith("    ") or not lines[index]):
                index += 1
            yield Block(start, "indented", tuple(line[4:] for line in lines[start:index]))
            continue
        index += 1


def commands(text: str) -> Iterator[Command]:
    """All commands of a page, in order."""
    for block in blocks(text):
        if block.kind == "indented":
            for index, line in enumerate(block.lines):
                if line.split(" ")[0] in _PROGRAMS:
                    yield Command(block.line + index, _COMMENT.sub("", line), ())
        elif block.kind == "console":
            starts = [i for i, line in enumerate(block.lines) if line.startswith("$ ")]
            for start, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
                shown = _COMMENT.sub("", block.lines[start][2:])
                yield Command(block.line + start, shown, block.lines[start + 1 : end])


def files(text: str) -> Iterator[tuple[int, str, str]]:
    """Files that a page shows, as code blocks whose caption is a file's name: number of the line,
    name, and content."""
    for block in blocks(text):
        if block.kind.startswith("{code-block}") and block.lines[0].startswith(":caption: "):
            yield block.line, block.lines[0].removeprefix(":caption: "), "\n".join(block.lines[2:])


def programs(text: str) -> Iterator[tuple[int, str]]:
    """Python that a page shows as a whole: number of its first line, and the code."""
    for block in blocks(text):
        first = next((line for line in block.lines if line), "")
        if block.kind == "python" or (block.kind == "indented" and first.startswith("import ")):
            yield block.line, "\n".join(block.lines) + "\n"


def run_program(code: str, names: dict[str, object], page: str, line: int) -> None:
    """Run Python of a page; a session with ``>>>`` must answer what the page shows.

    Args:
        code: of one block.
        names: of the page's blocks before, and after it of this one too.
        page: its name, for messages.
        line: where the block begins.

    Raises:
        AssertionError: with doctest's message, if an answer differs.
    """
    if ">>> " not in code:
        exec(compile("\n" * line + code, page, "exec"), names)
        return
    session = doctest.DocTestParser().get_doctest(code, {}, page, page, line)
    session.globs = names
    said: list[str] = []
    failed = doctest.DocTestRunner().run(session, out=said.append, clear_globs=False).failed
    assert not failed, "".join(said)


@dataclass(slots=True)
class Shell:
    """Runs commands as a shell would, but ``hass`` in this process, in the current folder.

    Attributes:
        code: exit code of the last one.
    """

    code: int = 0

    def run(self, text: str) -> str:
        """Output of one line, stderr included; a part behind ``&&`` is left out after a failure."""
        output = ""
        for step in re.split(r"\s*&&\s*", text):
            output += self._step(step)
            if self.code:
                break
        return output

    def _step(self, text: str) -> str:
        if text == "echo $?":
            code, self.code = self.code, 0
            return f"{code}\n"
        words = shlex.split(text)
        target = None
        if ">" in words:
            words, target = words[: words.index(">")], words[words.index(">") + 1]
        if words[0] == "hass":
            done = CliRunner().invoke(main, words[1:], prog_name="hass", env={"COLUMNS": COLUMNS})
            self.code, stdout = done.exit_code, done.stdout
            shown = done.output if target is None else done.stderr
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
        else:
            words[0] = sys.executable if words[0] == "python" else words[0]
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            ran = subprocess.run(
                words,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if target is None else subprocess.PIPE,
                text=True,
                check=False,
                env={**os.environ, "PATH": path},
            )
            self.code, stdout = ran.returncode, ran.stdout
            shown = stdout if target is None else ran.stderr
        if target is not None:
            Path(target).write_text(stdout, encoding="utf-8")
        return shown


def _tidy(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines())


def is_shown(command: Command, said: str) -> bool:
    """Whether a page shows what a command says; ``...`` stands for anything, as in doctests."""
    want = _tidy("\n".join(command.output))
    return doctest.OutputChecker().check_output(want, _tidy(said), doctest.ELLIPSIS)


def with_outputs(text: str, said: Iterable[tuple[Command, str]]) -> str:
    """A page with the outputs of some of its commands, in order, replaced."""
    lines = text.splitlines()
    for command, output in reversed(list(said)):
        start = command.line + 1
        lines[start : start + len(command.output)] = _tidy(output).splitlines()
    return "\n".join(lines) + "\n"
