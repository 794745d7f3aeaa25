"""The command line: ``hass VERB``. Each verb is a thin skin over one library function."""

from .app import main

__all__ = ["main"]
