"""Every command of README and docs/ is run, and says what the pages say that it says.

Where a page shows another output, ``--update-golden`` writes what the command says now (outputs
with ``...`` are left to people); the change is then reviewed as text.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import click
import onnx
import onnx.numpy_helper
import pytest
from doc_pages import (
    DOCS,
    README,
    ROOT,
    Command,
    Shell,
    commands,
    files,
    is_shown,
    pages,
    programs,
    run_program,
    with_outputs,
)

from hass.cli import main

TUTORIAL = DOCS / "tutorial.md"
NETWORKS = ("net", "resnet18", "resnet50", "vgg16")  # here all of them are the bundled one


@dataclass(frozen=True, slots=True)
class Instead:
    """What is run in place of a command.

    Attributes:
        reason: why not the command itself.
        commands: lines; none: nothing is run. ``{root}`` is the repository.
    """

    reason: str
    commands: tuple[str, ...] = ()


DIGITS = "models/digits/digits.onnx --data models/digits --device zcu104"
ONE = "--strategy hill-climb --trials 1 --profile-images 4 --selection-images 8"
FEW = "--strategy hill-climb --trials 2 --profile-images 8 --selection-images 40"
_SEARCH = "takes minutes: a trial or two, on few images"
_MAKE = "CI runs it: here only that make knows it"
_COMPILES = "docs/howto/emit.md compiles and runs such a project"
_INSTALLS = "installs; tests/test_packaging.py builds the wheel, and CI installs it with make"
# The only commands that are not run as they stand; a test holds that each is in a page.
SUBSTITUTES: dict[str, Instead] = {
    # README
    "make run": Instead(_MAKE, ("make -n -C {root} run",)),
    "make test": Instead(_MAKE, ("make -n -C {root} test",)),
    "pip install .": Instead(_INSTALLS),
    "hass fold net.onnx --device pynq-z2 --partitions auto --batch 256 -o parts": Instead(
        "docs/howto/fold.md runs it on the same network",
        ("hass fold net.onnx --device pynq-z2 --partitions 1 --batch 256 -o parts",),
    ),
    "hass search net.onnx --data DATA --device u250 --accuracy-drop 1.0 --trials 100 -o out/net": (
        Instead(_SEARCH, (f"hass search net.onnx --data DATA --device u250 {ONE} -o out/net",))
    ),
    **{
        f"hass search net.onnx --data DATA --device zcu104 {flags} -o out/{name}": Instead(
            _SEARCH,
            (f"hass search net.onnx --data DATA --device zcu104 {flags} {ONE} -o out/{name}",),
        )
        for flags, name in (
            ("--objective dsp --min-fps 500", "small"),
            ("--clips channel", "narrow"),
            ("--bits 16,8,4", "words"),
        )
    },
    "hass recover out/net -o recovered": Instead(
        "needs torch; tests/recover runs it", ("hass recover --help",)
    ),
    "hass emit out/net/best.json -o out/net/hls && make -C out/net/hls csim": Instead(
        _COMPILES,
        (
            "hass emit out/net/best.json -o out/net/hls --frames 2",
            "make -n -C out/net/hls csim",
        ),
    ),
    "hass compare out/net out/other": Instead(
        "there is one search", ("hass compare out/net out/digits",)
    ),
    "for n in resnet18 resnet50 vgg16; do hass models export $n -o $n.onnx; done": Instead(
        "needs torch, and writes 700 MB; tests/models exports networks", ("hass models list",)
    ),
    "hass fold resnet50.onnx --device zcu104 --partitions auto --batch 256 -o r50": Instead(
        "the networks are digits here", ("hass fold resnet50.onnx --device zcu104 -o r50.json",)
    ),
    "hass fold vgg16.onnx --device pynq-z2 --partitions auto --batch 64 -o vgg": Instead(
        "the networks are digits here",
        ("hass fold vgg16.onnx --device pynq-z2 --partitions 2 --batch 64 -o vgg",),
    ),
    "hass emit out/net/best.json -o hw --split test --frames 1000": Instead(
        "a thousand images take long to compare", ("hass emit out/net/best.json -o hw --frames 2",)
    ),
    "make -C hw csim": Instead(_COMPILES, ("make -n -C hw csim",)),
    "make -C hw rtlsim": Instead(
        "minutes; tests/hw_templates simulates it", ("make -n -C hw rtlsim",)
    ),
    # the tutorial
    f"hass search {DIGITS} --trials 60 -o out/digits": Instead(
        _SEARCH, (f"hass search {DIGITS} {FEW} -o out/digits",)
    ),
    "hass compare dense.json out/digits": Instead(
        "the search before was cut short", ("hass compare dense.json out/digits",)
    ),
    "make -C out/digits/hls csim": Instead(_COMPILES, ("make -n -C out/digits/hls csim",)),
    # how-to pages
    f"hass search {DIGITS} --accuracy-drop 0.5 --trials 40 -o out/careful": Instead(
        "the tutorial's search was just run: here only that the flags are taken",
        (f"hass search {DIGITS} --accuracy-drop 0.5 {ONE} -o out/careful",),
    ),
    **{
        f"hass search {DIGITS} {flags} --trials 40 -o out/{name}": Instead(
            _SEARCH, (f"hass search {DIGITS} {flags} {ONE} -o out/{name}",)
        )
        for flags, name in (
            ("--objective dsp --min-fps 10000", "small"),
            ("--clips n:4", "patterned"),
            ("--refit none", "plain"),
            ("--bits 16,8,4", "narrow"),
        )
    },
    "hass bench search docs/search.toml --root networks -o out/bench --page docs/strategies.md": (
        Instead("hours, on networks that are not in the repository", ("hass bench search --help",))
    ),
    "hass calibrate --synthesise results.csv --jobs 2 --page docs/fidelity.md": Instead(
        "hours of yosys; tests/hw_templates runs it on a few points", ("hass calibrate --help",)
    ),
    "hass recover out/digits --steps 100 -o recovered": Instead(
        "needs torch; tests/recover runs it", ("hass recover --help",)
    ),
    "hass models export resnet18 -o resnet18.onnx": Instead(
        "needs torch; tests/models exports networks", ("hass models export --help",)
    ),
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _stands_for(command: Command) -> tuple[str, ...]:
    """What is run for a command."""
    instead = SUBSTITUTES.get(command.text)
    if instead is None:
        return (command.text,)
    return tuple(line.format(root=ROOT) for line in instead.commands)


def _is_trimmed(output: tuple[str, ...]) -> bool:
    """Whether people left something out, ``...`` at the end of a line of progress apart."""
    return any(line == "..." or "..." in line[:-3] for line in output)


def _run(path: Path, *, update: bool) -> list[str]:
    """Run a page's commands in the current folder.

    Args:
        path: the page.
        update: write the outputs that differ into it.

    Returns:
        what failed or said something else.
    """
    text = path.read_text(encoding="utf-8")
    found = list(commands(text))
    shell, wrong, newer = Shell(), [], []
    shown = list(files(text))
    for index, command in enumerate(found):
        for _, name, content in (f for f in shown if f[0] < command.line):
            Path(name).write_text(content, encoding="utf-8")
        said = "".join(shell.run(line) for line in _stands_for(command))
        where = f"{_name(path)}:{command.line + 1}: {command.text}"
        asked = [after.text for after in found[index + 1 : index + 2]] == ["echo $?"]
        if shell.code and not asked:
            wrong.append(f"{where}\nfailed with exit code {shell.code}:\n{said}")
            shell.code = 0
        if command.output and command.text not in SUBSTITUTES and not is_shown(command, said):
            if update and not _is_trimmed(command.output):
                newer.append((command, said))
            else:
                wrong.append(f"{where}\nsays something else:\n{said}")
    if newer:
        path.write_text(with_outputs(text, newer), encoding="utf-8")
    return wrong


def _write_classifier(path: Path) -> None:
    """What errors.md is about: a network with operators that hass refuses."""
    maker = onnx.helper
    graph = maker.make_graph(
        [
            maker.make_node("Sqrt", ["image"], ["root"], name="/stem/Sqrt"),
            maker.make_node("ReduceL2", ["root"], ["classes"], name="/head/Norm", axes=[2, 3]),
        ],
        "classifier",
        [maker.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 1, 4, 4])],
        [maker.make_tensor_value_info("classes", onnx.TensorProto.FLOAT, [1, 1, 1, 1])],
    )
    opset = [maker.make_opsetid("", 17)]
    onnx.save(maker.make_model(graph, opset_imports=opset, ir_version=8), path)


@pytest.fixture(scope="module")
def tutorial(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[Path, list[str]]:
    """A folder as the tutorial leaves it, and what went wrong. Before, it has the bundled network
    where README and the pages have networks of their readers'."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "hass").mkdir()
    for name in ("models", "docs", "hass/parts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "DATA").symlink_to(ROOT / "models" / "digits")
    for name in NETWORKS:
        shutil.copy(ROOT / "models" / "digits" / "digits.onnx", folder / f"{name}.onnx")
    _write_classifier(folder / "classifier.onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        wrong = _run(TUTORIAL, update=request.config.getoption("--update-golden"))
    profile = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
    other = {**profile, "graph_digest": "0" * 64}
    (folder / "other.json").write_text(json.dumps(other), encoding="utf-8")
    return folder, wrong


def test_the_tutorial(tutorial: tuple[Path, list[str]]) -> None:
    _, wrong = tutorial
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("path", [p for p in pages() if p != TUTORIAL], ids=_name)
def test_a_page(
    path: Path,
    tutorial: tuple[Path, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    shutil.copytree(tutorial[0], tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")
    wrong = _run(path, update=request.config.getoption("--update-golden"))
    assert not wrong, "\n\n".join(wrong)
    names: dict[str, object] = {"__name__": "__main__"}
    for line, code in programs(path.read_text(encoding="utf-8")):
        run_program(code, names, _name(path), line)


def test_every_substitute_is_of_a_page() -> None:
    found = {c.text for path in pages() for c in commands(path.read_text(encoding="utf-8"))}
    assert set(SUBSTITUTES) <= found


@pytest.mark.parametrize("path", pages(), ids=_name)
def test_verbs_and_options_in_the_text_exist(path: Path) -> None:
    """Of `hass fold --bits 8` and the like, which are not commands to be typed."""
    wrong = []
    for text in re.findall(r"`hass ([a-z][^`\n]*)`", path.read_text(encoding="utf-8")):
        words = text.split()
        command = main.get_command(click.Context(main), words[0])
        if isinstance(command, click.Group) and len(words) > 1:
            command = command.get_command(click.Context(command), words[1])
        if command is None:
            wrong.append(f"hass {text}: no such verb")
            continue
        known = {name for item in command.params for name in (*item.opts, *item.secondary_opts)}
        options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        wrong += [f"hass {text}: no option {name}" for name in options - known - {"--help"}]
    assert not wrong, "\n".join(wrong)


def test_readme_is_read() -> None:
    """The parser finds what is there: the tests above would pass on pages without commands."""
    text = README.read_text(encoding="utf-8")
    found = [command.text for command in commands(text)]
    assert {"make run", "hass devices", "make -C hw rtlsim"} <= set(found)
    assert len(found) == len(re.findall(r"^    (?:hass|make|pip|for) ", text, re.MULTILINE))
    assert len(list(programs(text))) == 1
