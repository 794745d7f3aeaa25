"""The whole of hass on one screen, in under two seconds of work."""

from __future__ import annotations

from pathlib import Path

import hass
from hass.folding import FoldingPlan
from hass.hw_templates.emitter import emit_project


def test_import_profile_fold_estimate_write_read_emit(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    model = hass.read_model(tiny_model)
    assert hass.prove_equal(model) < 1e-4

    frame = model.graph.frame
    dataset = hass.open_dataset(tiny_data, frame)
    clips = {layer.name: hass.SparsitySetting(0.5, 0.1) for layer in model.graph.convs}
    profile = hass.measure_profile(model.graph, model.weights, dataset, clips, images=8)
    assert all(0 < layer.pair_density < 0.6 for layer in profile.layers.values())

    device = hass.load_device("pynq-z2")
    dense = hass.solve(model.graph, device)
    sparse = hass.solve(model.graph, device, profile=profile)
    assert isinstance(dense, FoldingPlan)
    assert isinstance(sparse, FoldingPlan)
    assert sparse.estimate.frame_ii_cycles <= dense.estimate.frame_ii_cycles
    assert sparse.estimate.resources.fits(device.budget)

    again = hass.estimate(model.graph, sparse.foldings, device, profile=profile)
    assert again == sparse.estimate

    design = hass.build_design(model, device, sparse, profile=profile)
    hass.write_design(design, tmp_path / "design.json")
    assert hass.read_design(tmp_path / "design.json") == design
    assert hass.load_design_model(design, tmp_path / "design.json").graph == model.graph

    emitted = emit_project(design, model.graph, model.weights, tmp_path / "hls")
    assert (emitted.folder / "Makefile").is_file()
