"""Emitter of HLS projects: C++ that plain g++ can prove and a vendor's tool can build, and
SystemVerilog of the convolutions."""

from hass.frames import TestFrames, data_frames, random_frames

from .emitter import Emitted, emit_project

__all__ = ["Emitted", "TestFrames", "data_frames", "emit_project", "random_frames"]
