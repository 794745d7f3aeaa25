"""Settings as YAML text: mappings in blocks, everything else as JSON, which YAML contains."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

YamlValue: TypeAlias = "int | float | str | Sequence[YamlValue] | Mapping[str, YamlValue]"


def yaml_text(value: Mapping[str, YamlValue], indent: str = "") -> str:
    """The text, in the mapping's order.

    >>> print(yaml_text({"a": {"b": 1}, "c": [{"d": "x: y"}], "e": []}), end="")
    a:
      b: 1
    c:
      - {"d": "x: y"}
    e: []
    """
    lines = []
    for key, held in value.items():
        if isinstance(held, Mapping) and held:
            lines.append(f"{indent}{key}:\n{yaml_text(held, indent + '  ')}")
        elif isinstance(held, Sequence) and not isinstance(held, str) and held:
            items = (f"{indent}  - {json.dumps(item)}\n" for item in held)
            lines.append(f"{indent}{key}:\n{''.join(items)}")
        else:
            lines.append(f"{indent}{key}: {json.dumps(held)}\n")
    return "".join(lines)
