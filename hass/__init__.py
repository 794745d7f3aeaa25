"""hass: explorer for sparse dataflow CNN accelerators."""

from ._version import __version__

__all__ = ["__version__"]
