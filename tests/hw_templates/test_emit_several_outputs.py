"""An emitted network with several outputs: a stream for each."""

from __future__ import annotations

from pathlib import Path

from csim_counts import make
from emit_designs import make_design, random_foldings
from several_outputs import detector

from hass.frames import random_frames
from hass.hw_templates.emitter import emit_project


def test_every_output_agrees_bit_for_bit(tmp_path: Path) -> None:
    model = detector(tmp_path)
    frames = random_frames(model.graph, 3.0)
    foldings = random_foldings(model.graph, 2)
    design = make_design(model.graph, model.weights, foldings, {}, frames.images)
    folder = tmp_path / "hw"
    emit_project(design, model.graph, model.weights, folder, frames=frames)
    sizes = {}
    for name in ("expected", "expected_2", "expected_3"):
        lines = (folder / f"tb/data/{name}.dat").read_text().splitlines()
        assert len(lines) == len(frames.images)
        sizes[name] = len(lines[0].split())
    assert sizes == {"expected": 4 * 6 * 6, "expected_2": 2 * 3 * 9, "expected_3": 16}
    top = (folder / "src/top.cpp").read_text()
    assert [f"port=frame_out{end}\n" in top for end in ("", "_2", "_3", "_4")] == [True] * 3 + [
        False
    ]
    done = make(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr
    assert "mismatches: 0\n" in done.stdout
    data = folder / "tb/data/expected_3.dat"
    data.write_text(data.read_text().replace(" ", " 1", 1))
    wrong = make(folder)
    assert wrong.returncode != 0 and "frame_out_3, frame 0, word 1" in wrong.stderr
