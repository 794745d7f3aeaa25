"""Emitted C++ with the types that synthesis takes, and with the vendor's own ap_int.h."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from chain_networks import EVERY_OP, network
from emit_designs import make_design, random_foldings

from hass.cost import EngineKind
from hass.frames import TestFrames as Frames
from hass.hw_templates.emitter import emit_project
from hass.sparsity import SparsitySetting
from hass.values import Arithmetic, FeatureMap

WIDE, NARROW = Arithmetic(16, 16, 32), Arithmetic(8, 8, 26)  # 8 bits: engines share multipliers
FRAMES = 3
SEED = 1


def vendor_headers() -> Path | None:
    """A folder with the vendor's ap_int.h: $HASS_AP_INCLUDE, or what hls4ml brings along."""
    named = os.environ.get("HASS_AP_INCLUDE")
    spec = find_spec("hls4ml")
    folders = [Path(named)] if named else []
    if spec is not None and spec.origin is not None:
        folders.append(Path(spec.origin).parent / "templates/vivado/ap_types")
    return next((folder for folder in folders if (folder / "ap_int.h").is_file()), None)


def _emit(arithmetic: Arithmetic, folder: Path) -> Path:
    """Every op, engines of all kinds, every convolution clipped."""
    source = FeatureMap(8, 6, 3)
    graph, weights = network(EVERY_OP, source)
    shape = (FRAMES, source.channels, source.height, source.width)
    images = np.random.default_rng(SEED).normal(0, 1, shape).astype(np.float32)
    settings = {layer.name: SparsitySetting(0.4, 0.1) for layer in graph.convs}
    foldings = random_foldings(graph, SEED)
    foldings["stem"] = replace(
        foldings["stem"], engine=EngineKind.DENSE, coarse_in=1, coarse_out=2, packed=1, fine=2
    )
    design = make_design(graph, weights, foldings, settings, images)
    design = replace(design, arithmetic=arithmetic)
    emit_project(design, graph, weights, folder, frames=Frames(images, (), "Noise."))
    engines = {design.plan.foldings[layer.name].engine for layer in graph.convs}
    assert engines == {EngineKind.DENSE, EngineKind.DYNAMIC, EngineKind.STATIC}
    text = "".join(path.read_text() for path in (folder / "src/layers").iterdir())
    assert ("engine_pair" in text) == (arithmetic is NARROW)
    return folder


def _csim(folder: Path, flags: str, *words: str) -> None:
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is not installed: emitted C++ is not compiled")
    done = subprocess.run(
        ["make", "-s", "csim", f"CXXFLAGS={flags}", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[:4000]
    assert f"frames compared: {FRAMES}\nmismatches: 0\n" in done.stdout


@pytest.mark.parametrize("arithmetic", [WIDE, NARROW], ids=["16-bit", "8-bit"])
def test_with_the_types_of_synthesis_no_word_differs_and_nothing_is_undefined(
    arithmetic: Arithmetic, tmp_path: Path
) -> None:
    folder = _emit(arithmetic, tmp_path / "hw")
    checks = "-fsanitize=undefined -fno-sanitize-recover=undefined"
    flags = f"-O0 -std=c++14 -Wall -Wextra -Werror -D__SYNTHESIS__ {checks}"
    _csim(folder, flags, "HASS_AP_INCLUDE=")


@pytest.mark.parametrize("standard", ["c++14", "c++17"])
def test_with_the_vendors_ap_int_no_word_differs(standard: str, tmp_path: Path) -> None:
    headers = vendor_headers()
    if headers is None:
        pytest.skip(
            "no ap_int.h of the vendor's: set HASS_AP_INCLUDE or install hls4ml; the emitted C++ "
            "is only tried with hass's own stand-in"
        )
    folder = _emit(NARROW if standard == "c++14" else WIDE, tmp_path / "hw")
    flags = f"-O0 -std={standard} -Wall -Wextra -Werror"
    _csim(folder, flags, f"HASS_AP_INCLUDE={headers}")
    # __SYNTHESIS__ itself would make the vendor's headers look for compiler built-ins
    for path in (folder / "src/types.h", folder / "src/hass_hls/words.h"):
        text = path.read_text()
        assert "#ifdef __SYNTHESIS__" in text
        path.write_text(text.replace("__SYNTHESIS__", "AS_SYNTHESISED"))
    _csim(folder, f"{flags} -DAS_SYNTHESISED", f"HASS_AP_INCLUDE={headers}")
