"""Templates of emitted text."""

from __future__ import annotations

from importlib.resources.abc import Traversable

import jinja2


def template_environment(folder: Traversable) -> jinja2.Environment:
    """The templates (``*.j2``) of a folder; what a template names must be given."""
    sources = {
        file.name: file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".j2")
    }
    return jinja2.Environment(
        loader=jinja2.DictLoader(sources),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
