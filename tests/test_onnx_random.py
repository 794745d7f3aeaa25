"""Random models and graphs: the same numbers before the import, after it, and after every pass."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from onnx_models import ModelMaker, assert_close, frames_of, run
from strategies import graphs, onnx_models

from hass.graph import Graph, Weights
from hass.handlers.lower import lower
from hass.handlers.model_file import load_model_file
from hass.onnx_io import read_model, write_model
from hass.rewrites import IMPORT_PASSES, run_passes


@settings(max_examples=60, deadline=None)
@given(onnx_models())
def test_import_computes_what_the_file_says(maker: ModelMaker) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = maker.save(Path(folder))
        model = read_model(path)
        frames = frames_of(model.graph)
        (expected,) = run(path, frames)
    (found,) = run(write_model(model.graph, model.weights), frames)
    assert_close(found, expected)


@settings(max_examples=25, deadline=None)
@given(onnx_models())
def test_every_pass_keeps_the_function(maker: ModelMaker) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = maker.save(Path(folder))
        lowered = lower(load_model_file(path))
        graph, weights = lowered.graph, lowered.weights
        frames = frames_of(graph)
        (expected,) = run(path, frames)
    for step in IMPORT_PASSES:
        graph, weights = run_passes(graph, weights, [step])
        assert_close(run(write_model(graph, weights), frames)[0], expected)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_passes_keep_the_function_of_any_graph(made: tuple[Graph, Weights]) -> None:
    graph, weights = made
    frames = frames_of(graph)
    (expected,) = run(write_model(graph, weights), frames)
    rewritten = run_passes(graph, weights)
    assert_close(run(write_model(*rewritten), frames)[0], expected)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_what_is_written_reads_back_to_the_same_function(made: tuple[Graph, Weights]) -> None:
    graph, weights = made
    frames = frames_of(graph)
    content = write_model(graph, weights)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "written.onnx"
        path.write_bytes(content)
        again = read_model(path)
    (expected,) = run(content, frames)
    assert expected.reshape(len(frames), -1).shape[1] == graph.layers[-1].out.words
    assert_close(run(write_model(again.graph, again.weights), frames)[0], expected)
    assert len(again.graph.convs) <= len(graph.convs)
    assert np.isfinite(expected).all()
