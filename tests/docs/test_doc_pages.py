"""The finder and the runner of what pages show, on pages made here; the format of plan.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from doc_pages import (
    DOCS,
    Command,
    Shell,
    commands,
    files,
    is_shown,
    programs,
    run_program,
    with_outputs,
)

from hass.cli import main
from hass.files import JsonValue

PAGE = """# A page

```console
$ hass devices   # all parts
device
...
$ echo $?
0
```

Text with `hass fold`.

    make run     # in an indented block

    key = "a file's content"

```{code-block} json
:caption: settings.json

{}
```

```python
>>> 1 + 1
2
```
"""


def test_commands_of_a_page() -> None:
    assert list(commands(PAGE)) == [
        Command(3, "hass devices", ("device", "...")),
        Command(6, "echo $?", ("0",)),
        Command(12, "make run", ()),
    ]


def test_files_and_programs_of_a_page() -> None:
    assert [(name, text) for _, name, text in files(PAGE)] == [("settings.json", "{}")]
    assert [code for _, code in programs(PAGE)] == [">>> 1 + 1\n2\n"]


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        (("a", "b"), "a  \nb\n\n", True),
        (("a", "..."), "a\nb\nc\n", True),
        (("a", "b"), "a\nc\n", False),
        (("a",), "a\nb\n", False),
        (("a", "...", "c"), "a\nb\n", False),
    ],
)
def test_what_is_shown(shown: tuple[str, ...], said: str, same: bool) -> None:
    assert is_shown(Command(0, "hass devices", shown), said) is same


def test_outputs_are_replaced() -> None:
    first, second, _ = commands(PAGE)
    page = with_outputs(PAGE, [(first, "new\nlines\nthree\n"), (second, "2\n")])
    assert [command.output for command in commands(page)][:2] == [("new", "lines", "three"), ("2",)]
    assert len(page.splitlines()) == len(PAGE.splitlines()) + 1


def test_the_shell_stops_at_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell()
    said = shell.run("hass devices nonsense && hass devices > parts.txt")
    assert said.startswith("error: ")
    assert not Path("parts.txt").exists()
    assert shell.run("echo $?") == "2\n"
    assert shell.run("hass devices > parts.txt && cp parts.txt more.txt") == ""
    assert "zcu104" in Path("more.txt").read_text(encoding="utf-8")


def test_a_wrong_answer_is_seen() -> None:
    run_program(">>> x = 2\n>>> x\n2\n", {}, "page", 0)
    with pytest.raises(AssertionError, match="Expected"):
        run_program(">>> 2\n3\n", {}, "page", 0)


def _keys(value: JsonValue, place: str = "") -> set[str]:
    """Last words of all keys of a plan, but those of resources."""
    if isinstance(value, list):
        return set().union(*(_keys(item, place) for item in value))
    if isinstance(value, dict) and place != "resources":
        inside = (_keys(item, name) for name, item in value.items())
        return set(value).union(*inside)
    return set()


@pytest.mark.parametrize(
    "how", [("--partitions", "1", "--batch", "8"), ("--device", "zcu102")], ids=["in time", "chain"]
)
def test_every_key_of_a_plan_is_described(how: tuple[str, ...], tiny_model: Path) -> None:
    words = ["fold", str(tiny_model), "--device", "zcu102", *how, "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    text = (DOCS / "file-formats.md").read_text(encoding="utf-8")
    section = text.partition("## plan.json")[2].partition("\n## ")[0]
    unsaid = {
        key
        for key in _keys(json.loads(done.stdout)) - {"model", "parts"}
        if f"`{key}`" not in section and f".{key}`" not in section
    }
    assert not unsaid
