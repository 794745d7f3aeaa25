"""Names of layers as other tools can take them: C identifiers, readable, different for each."""

from __future__ import annotations

import re

from ..graph import Graph

MAX_NAME_CHARACTERS = 32  # of a layer's name inside an identifier; its number makes it unique


def legal_name(index: int, name: str) -> str:
    """A C identifier without two underscores in a row, different for each index.

    >>> legal_name(3, "Conv/1: 7x7"), legal_name(0, "日本")
    ('l003_conv_1_7x7', 'l000')
    """
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:MAX_NAME_CHARACTERS].strip("_")
    return f"l{index:03d}_{words}" if words else f"l{index:03d}"


def legal_names(graph: Graph) -> dict[str, str]:
    """Layer name -> legal name, numbered in topological order."""
    return {layer.name: legal_name(index, layer.name) for index, layer in enumerate(graph)}
