"""Emitter of HLS projects: C++ that plain g++ can prove and a vendor's tool can build."""

from .emitter import Emitted, TestFrames, emit_project, random_frames

__all__ = ["Emitted", "TestFrames", "emit_project", "random_frames"]
