"""The emitted Tcl, configuration and Makefile as the vendor's tools would take them.

The tools themselves are not at hand: stand-ins write down how they were called.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from small_project import small_design

from hass.hw_templates.emitter import emit_project
from hass.hw_templates.names import part_number

TOOLS = ("vitis-run", "vitis_hls", "vivado_hls")
STAGES = ("csim", "csynth", "cosim", "export")
COMMANDS = (
    *("open_project", "set_top", "add_files", "open_solution", "set_part", "create_clock"),
    *("set_clock_uncertainty", "csim_design", "csynth_design", "cosim_design", "export_design"),
)
HOSTILE_PART = "x}; exit 7; set y {"
# of hls_config.cfg: those that the vendor documents and the project uses
KEYS = {
    *("flow_target", "clock", "clock_uncertainty", "syn.top", "syn.file", "syn.cflags"),
    *("tb.file", "tb.cflags", "package.output.format", "package.output.syn"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    design, graph, weights, frames = small_design()
    target = tmp_path_factory.mktemp("scripts") / "hw"
    emit_project(design, graph, weights, target, frames=frames)
    return target


def _calls(
    folder: Path, stages: str | None = None, *, old: bool = False
) -> tuple[int, list[list[str]]]:
    """Exit status of the script and the vendor commands that it gives, run by tclsh; ``old``: in a
    tool that knows no -flow_target."""
    if shutil.which("tclsh") is None:
        pytest.skip("tclsh is not installed: run_hls.tcl is not run")
    lines = ["set old " + str(int(old))]
    for name in COMMANDS:
        lines.append(f"proc {name} args {{")
        if name == "open_solution":
            lines.append("global old")
            lines.append('if {$old && "-flow_target" in $args} {error "unknown option"}')
        lines.append(f'puts [join [list {name} {{*}}$args] "\\t"]\n}}')
    lines.append("source run_hls.tcl")
    stubs = folder.parent / "stubs.tcl"
    stubs.write_text("\n".join(lines))
    environment = {name: value for name, value in os.environ.items() if name != "HASS_STAGES"}
    if stages is not None:
        environment["HASS_STAGES"] = stages
    done = subprocess.run(
        ["tclsh", str(stubs)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [line.split("\t") for line in done.stdout.splitlines()]


def _named(calls: list[list[str]], name: str) -> list[list[str]]:
    return [call[1:] for call in calls if call[0] == name]


def _config(folder: Path) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What stands in front of [hls], and behind it."""
    head, body = (folder / "hls_config.cfg").read_text().split("[hls]\n")
    parts = []
    for text in (head, body):
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        pairs = [line.split("=", 1) for line in lines]
        parts.append([(pair[0], pair[1]) for pair in pairs])
    return dict(parts[0]), parts[1]


def test_the_tcl_script_gives_the_vendors_commands_in_order(folder: Path) -> None:
    code, calls = _calls(folder)
    assert code == 0
    names = [call[0] for call in calls if call[0] != "add_files"]
    assert names == [name for name in COMMANDS if name != "add_files"]
    files = [call[0] for call in calls].index("add_files")
    assert [call[0] for call in calls].index("set_top") < files
    assert calls[0] == ["open_project", "-reset", "hass_project"]
    solution = ["-reset", "solution", "-flow_target", "vivado"]
    assert _named(calls, "open_solution") == [solution]
    assert _named(calls, "set_part") == [[small_design()[0].device.part]]
    assert _named(calls, "export_design") == [["-format", "ip_catalog"]]
    for arguments in _named(calls, "add_files"):
        path = next(word for word in arguments if not word.startswith("-"))
        assert (folder / path).is_file(), path
    assert ("tb/data/labels.dat" in str(calls)) == (folder / "tb/data/labels.dat").is_file()


@pytest.mark.parametrize("stage", STAGES)
def test_one_stage_can_be_asked_for(stage: str, folder: Path) -> None:
    code, calls = _calls(folder, stage)
    assert code == 0
    run = [call[0] for call in calls if call[0].endswith("_design")]
    assert run == [f"{stage}_design"]
    # only a synthesis begins anew; the others find what it left
    assert ("-reset" in calls[0]) == (stage == "csynth")


def test_stages_that_do_not_exist_are_refused_before_anything_is_done(folder: Path) -> None:
    code, calls = _calls(folder, "csim place")
    assert code != 0
    assert calls == []


def test_a_tool_without_flow_targets_opens_the_solution_all_the_same(folder: Path) -> None:
    code, calls = _calls(folder, old=True)
    assert code == 0
    assert _named(calls, "open_solution") == [["-reset", "solution"]]


def test_the_configuration_names_what_the_vendor_documents(folder: Path) -> None:
    head, body = _config(folder)
    assert set(head) == {"part"}  # outside the section
    assert {key for key, _ in body} == KEYS
    once = [key for key, _ in body if key not in ("syn.file", "tb.file")]
    assert len(once) == len(set(once))
    for key, value in body:
        if key.endswith(".file"):
            assert (folder / value).is_file()
    parser = configparser.ConfigParser(strict=False, interpolation=None)  # keys come repeatedly
    parser.read_string((folder / "hls_config.cfg").read_text().replace("part=", "[head]\npart="))
    assert parser["hls"]["syn.top"] == "hass_top"
    assert "void hass_top(" in (folder / "src/top.h").read_text()


def test_script_and_configuration_say_the_same(folder: Path) -> None:
    head, body = _config(folder)
    _, calls = _calls(folder)
    said = dict(body)
    assert _named(calls, "set_part") == [[head["part"]]]
    assert _named(calls, "set_top") == [[said["syn.top"]]]
    period = _named(calls, "create_clock")[0][1]
    assert said["clock"] == f"{period}ns"
    clock_mhz = small_design()[0].plan.estimate.clock_mhz
    assert float(period) == pytest.approx(1000 / clock_mhz, rel=1e-3)
    assert _named(calls, "set_clock_uncertainty") == [[said["clock_uncertainty"]]]
    assert _named(calls, "export_design")[0][1] == said["package.output.format"]
    sources, benches = [], []
    for arguments in _named(calls, "add_files"):
        flags = arguments[arguments.index("-cflags") + 1] if "-cflags" in arguments else None
        if arguments[0] == "-tb":
            benches.append(arguments[1])
            assert flags in (None, said["tb.cflags"])
        else:
            sources.append(arguments[0])
            assert flags == said["syn.cflags"]
    assert sources == [value for key, value in body if key == "syn.file"]
    assert benches == [value for key, value in body if key == "tb.file"]


def test_a_part_number_that_means_harm_stays_one_word(tmp_path: Path) -> None:
    design, graph, weights, frames = small_design()
    harmful = replace(design, device=replace(design.device, part=HOSTILE_PART))
    target = tmp_path / "hw"
    emit_project(harmful, graph, weights, target, frames=frames)
    code, calls = _calls(target)
    assert code == 0
    assert _named(calls, "set_part") == [[part_number(HOSTILE_PART)]]
    assert _config(target)[0] == {"part": part_number(HOSTILE_PART)}


# --- Makefile


def _tools(folder: Path, names: tuple[str, ...], status: int = 0) -> Path:
    """A folder of programs that write how they were called to ``log`` beside them."""
    tools = folder / "bin"
    tools.mkdir()
    for name in names:
        program = tools / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $* [$HASS_STAGES]" >> "{folder}/log"\nexit {status}\n'
        )
        program.chmod(0o755)
    return tools


def _make(folder: Path, *words: str, tools: Path | None = None) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("make is not installed: the emitted Makefile is not run")
    search = os.defpath.lstrip(":") if tools is None else f"{tools}:{os.defpath.lstrip(':')}"
    environment = {"PATH": search, "LC_ALL": "C"}
    return subprocess.run(
        [shutil.which("make") or "make", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The project, to make things in."""
    return Path(shutil.copytree(folder, tmp_path / "hw"))


@pytest.mark.parametrize("count", [3, 2, 1])
def test_make_takes_the_newest_tool_in_path(count: int, copy: Path, tmp_path: Path) -> None:
    present = TOOLS[-count:]
    done = _make(copy, "vendor", tools=_tools(tmp_path, present))
    assert done.returncode == 0, done.stderr
    newest = present[0]
    words = "--mode hls --tcl run_hls.tcl" if newest == "vitis-run" else "-f run_hls.tcl"
    assert (tmp_path / "log").read_text() == f"{newest} {words} [csim csynth cosim export]\n"


@pytest.mark.parametrize("target", ["vendor", "vendor-csim", "synth", "cosim", "export"])
def test_without_a_tool_make_says_which_it_looked_for(target: str, copy: Path) -> None:
    done = _make(copy, target)
    assert done.returncode != 0
    for tool in TOOLS:
        assert tool in done.stderr
    assert not (copy / "build").exists()


def test_make_synthesises_once_for_what_follows(copy: Path, tmp_path: Path) -> None:
    tools = _tools(tmp_path, TOOLS)
    for target in ("vendor-csim", "cosim", "export", "synth"):
        assert _make(copy, target, tools=tools).returncode == 0
    log = (tmp_path / "log").read_text()
    assert re.findall(r"\[(\w+)\]", log) == ["csim", "csynth", "cosim", "export"]
    stamp = (copy / "build/synthesised").stat().st_mtime
    os.utime(copy / "src/top.cpp", (stamp + 10, stamp + 10))
    assert _make(copy, "export", tools=tools).returncode == 0
    assert re.findall(r"\[(\w+)\]", (tmp_path / "log").read_text())[4:] == ["csynth", "export"]


def test_stages_never_run_side_by_side(copy: Path, tmp_path: Path) -> None:
    tools = _tools(tmp_path, TOOLS[:1])
    (tools / TOOLS[0]).write_text(
        f'#!/bin/sh\necho "[$HASS_STAGES" >> "{tmp_path}/log"\nsleep 0.1\n'
        f'echo "]" >> "{tmp_path}/log"\n'
    )
    assert _make(copy, "-j4", "cosim", "export", "vendor-csim", tools=tools).returncode == 0
    lines = (tmp_path / "log").read_text().split()
    assert len(lines) == 8
    assert lines[1::2] == ["]"] * 4


def test_a_synthesis_that_fails_is_not_taken_for_done(copy: Path, tmp_path: Path) -> None:
    tools = _tools(tmp_path, TOOLS, status=1)
    for target in ("synth", "cosim", "vendor"):
        assert _make(copy, target, tools=tools).returncode != 0
    assert not (copy / "build/synthesised").exists()
    assert "[cosim]" not in (tmp_path / "log").read_text()


def test_make_csim_takes_the_headers_asked_for(copy: Path, tmp_path: Path) -> None:
    own = _make(copy, "-n", "csim").stdout
    assert re.findall(r"-isystem (\S+)", own) == ["tb/csim_include"]
    named = _make(copy, "-n", "csim", "HASS_AP_INCLUDE=/opt/ap").stdout
    assert re.findall(r"-isystem (\S+)", named) == ["/opt/ap", "tb/csim_include"]
    assert re.findall(r"-o (\S+)", own) != re.findall(r"-o (\S+)", named)  # neither is stale
    (tmp_path / "tool/include").mkdir(parents=True)
    for variable in ("XILINX_HLS", "XILINX_VITIS"):
        words = ("HASS_AP_INCLUDE=vendor", f"{variable}={tmp_path}/tool")
        found = _make(copy, "-n", "csim", *words).stdout
        assert f"-isystem {tmp_path}/tool/include -isystem tb/csim_include" in found
    missing = _make(copy, "-n", "csim", "HASS_AP_INCLUDE=vendor")
    assert missing.returncode != 0
    assert "XILINX_HLS" in missing.stderr
