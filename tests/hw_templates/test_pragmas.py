"""The pragmas of the emitted C++, which no compiler at hand checks: names, options, variables,
and the form of dataflow regions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain_networks import EVERY_OP, network
from emit_designs import make_design, random_foldings

from hass.frames import random_frames
from hass.hw_templates.emitter import emit_project
from hass.values import FeatureMap

# Directive -> option -> values, by the vendor's guide UG1399; None: any expression. An option
# without "=" stands for itself.
EXPRESSION = None
STORAGE = {"bram", "lutram", "uram", "srl", "auto"}
PARTITION: dict[str, set[str] | None] = {
    "variable": EXPRESSION,
    "complete": set(),
    "cyclic": set(),
    "block": set(),
    "factor": EXPRESSION,
    "dim": EXPRESSION,
}
DIRECTIVES: dict[str, dict[str, set[str] | None]] = {
    "PIPELINE": {"II": {"1"}},
    "DATAFLOW": {},
    "UNROLL": {"factor": EXPRESSION},
    "INLINE": {"off": set()},
    "STREAM": {"variable": EXPRESSION, "depth": EXPRESSION},
    "AGGREGATE": {"variable": EXPRESSION},
    "DEPENDENCE": {
        "variable": EXPRESSION,
        "type": {"inter", "intra"},
        "direction": {"RAW", "WAR", "WAW"},
        "distance": EXPRESSION,
        "false": set(),
        "true": set(),
    },
    "BIND_STORAGE": {
        "variable": EXPRESSION,
        "type": {"fifo", "ram_1p", "ram_2p", "ram_s2p", "ram_t2p", "rom_1p", "rom_2p", "rom_np"},
        "impl": STORAGE,
    },
    "ARRAY_PARTITION": PARTITION,
    "ARRAY_RESHAPE": PARTITION,
    "INTERFACE": {"mode": {"axis", "ap_ctrl_none", "ap_ctrl_hs", "s_axilite"}, "port": EXPRESSION},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with every op."""
    graph, weights = network(EVERY_OP, FeatureMap(8, 6, 3))
    frames = random_frames(graph, 3.0)
    design = make_design(graph, weights, random_foldings(graph, 1), {}, frames.images)
    target = tmp_path_factory.mktemp("pragmas") / "hw"
    emit_project(design, graph, weights, target, frames=frames)
    return target


def _sources(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / "src").rglob("*.h"))
    yield folder / "src/top.cpp"


def _options(words: str) -> list[tuple[str, str]]:
    """Option and value; a value is a number, a name, or an expression in parentheses."""
    option = r"(\w+)(?:=([\w.]+|\([^()]*\)))?"
    assert re.fullmatch(rf"(?:{option}(?: |$))*", words), words
    return [(name, value) for name, value in re.findall(option, words)]


def _regions(text: str) -> Iterator[str]:
    """What stands behind each DATAFLOW pragma, to the end of its function."""
    for match in re.finditer(r"#pragma HLS DATAFLOW\n", text):
        depth, place = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        yield text[match.end() : place - 1]


def test_directives_options_and_values_are_the_vendors(folder: Path) -> None:
    seen = set()
    for path in _sources(folder):
        for line in path.read_text().splitlines():
            if "#pragma" not in line:
                continue
            parts = re.fullmatch(r"#pragma HLS (\w+) ?(.*)", line)
            assert parts, line
            directive, words = parts.groups()
            seen.add(directive)
            allowed = DIRECTIVES[directive]
            for option, value in _options(words):
                assert option in allowed, line
                values = allowed[option]
                assert value if values is EXPRESSION else value in (values or {""}), line
    assert seen >= {"PIPELINE", "DATAFLOW", "STREAM", "BIND_STORAGE", "ARRAY_PARTITION"}


def test_variables_of_pragmas_are_declared(folder: Path) -> None:
    for path in _sources(folder):
        text = path.read_text()
        code = re.sub(r"//.*|#pragma.*", "", text)
        for ident in re.findall(r"#pragma .*(?:variable|port)=(\w+)", text):
            if ident == "return":
                continue
            tables = folder / "weights" / path.name
            if path.parent.name == "layers" and tables.is_file():
                code += tables.read_text()
            assert re.search(rf"[>&\w] {ident}\b", code), f"{path.name}: {ident}"


def test_headers_that_read_streams_pipeline_their_loops(folder: Path) -> None:
    for path in sorted((folder / "src/hass_hls").glob("*.h")):
        text = path.read_text()
        reads = re.search(r"\.read\(\)", text)
        assert not reads or "#pragma HLS PIPELINE II=1" in text, path.name


def test_dataflow_regions_are_in_canonical_form(folder: Path) -> None:
    """Declarations and calls, and every stream made there joins two of them."""
    regions = 0
    for path in [folder / "src/top.cpp", *sorted((folder / "src/layers").glob("*.h"))]:
        for region in _regions(path.read_text()):
            regions += 1
            body = re.sub(r"#pragma.*|//.*|HASS_\w+\(.*\)\n", "", region)  # macros only count
            statements = [" ".join(s.split()) for s in body.split(";") if s.strip()]
            streams: dict[str, int] = {}
            for statement in statements:
                declared = re.fullmatch(r"hls::stream<.*> (\w+)\(\"[\w.]+\"\)", statement)
                if declared:
                    streams[declared[1]] = 0
                    continue
                call = re.fullmatch(r"[\w:]+(?:<.*>)? ?\((.*)\)", statement)
                assert call, f"{path.name}: {statement}"
                for word in re.findall(r"\w+", call[1]):
                    if word in streams:
                        streams[word] += 1
            assert set(streams.values()) <= {2}, f"{path.name}: {streams}"
    assert regions > len(EVERY_OP)


def test_bound_storage_is_what_the_type_allows(folder: Path) -> None:
    allowed = {"fifo": STORAGE, "ram_s2p": STORAGE - {"srl"}, "rom_1p": STORAGE - {"srl"}}
    found = set()
    for path in _sources(folder):
        for kind, place in re.findall(r"type=(\w+) impl=(\w+)", path.read_text()):
            assert place in allowed[kind], path.name
            found.add(kind)
    assert found == set(allowed)
