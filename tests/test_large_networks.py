"""Work on large networks: counted, as seconds depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from large_networks import LARGE, residual

from hass.onnx_io import read_model
from hass.rewrites import draft as draft_module
from hass.rewrites.draft import Draft


def calls_of(work: Callable[[], object]) -> int:
    """Calls of Python and C functions that ``work`` makes."""
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("kind", LARGE)
def test_import_of_twice_the_nodes_is_twice_the_work(kind: str, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    paths = LARGE[kind](120).save(small), LARGE[kind](240).save(large)
    read_model(paths[0])  # what is loaded once is not counted
    first, second = (calls_of(lambda path=path: read_model(path)) for path in paths)
    assert 1.5 * first < second < 2.3 * first  # n log n: sorting


def test_layers_of_one_name_are_told_apart_without_trying_all_numbers(tmp_path: Path) -> None:
    model = read_model(LARGE["gates"](40).save(tmp_path))
    names = [layer.name for layer in model.graph if layer.name.startswith("gate")]
    assert len(set(names)) == len(names) > 1


def test_passes_that_change_nothing_cost_no_new_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = residual(40).save(tmp_path)
    builds = 0
    build = draft_module.build_graph

    def counted(*arguments: Any) -> Any:
        nonlocal builds
        builds += 1
        return build(*arguments)

    monkeypatch.setattr(draft_module, "build_graph", counted)
    model = read_model(path)
    assert builds == 3  # lowering, forks, affine layers folded
    again = Draft.of(model.graph, model.weights)
    assert again.build() == (model.graph, model.weights)
    assert again.build()[0] is model.graph


def test_layers_inserted_behind_one_stand_in_the_order_of_a_list(tmp_path: Path) -> None:
    model = read_model(LARGE["chain"](8).save(tmp_path))
    draft = Draft.of(model.graph, model.weights)
    names = list(draft)
    op = model.graph["Relu_1"].op
    for hint, after in (("a", "Relu_1"), ("b", "Relu_1"), ("c", "a"), ("d", "Relu_3"), ("e", "a")):
        draft.add(hint, op, [after], after=after)
        names.insert(names.index(after) + 1, hint)
    draft.remove("b")
    names.remove("b")
    draft.add("last", op, ["e"])
    assert list(draft) == [*names, "last"]
