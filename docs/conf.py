"""Sphinx: `make docs` builds the pages of this folder into out/docs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from hass import __version__

project = "hass"
author = "the hass developers"
copyright = author
release = version = __version__
language = "en_GB"
smartquotes = False  # quotation marks in tables of constants are meant

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "docstrings",
    "mathml",
    "schemas",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_ext"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "fieldlist"]
myst_heading_anchors = 3
nitpicky = True
# other people's types: their pages are not fetched, so that the build needs no network
nitpick_ignore_regex = [
    ("py:class", r"(collections\.abc|pathlib|numpy|networkx|onnx)\..*"),
    # inside the simulator, and matplotlib's
    ("py:class", r"hass\.sim\.(tables\.Tables|draws\.Work|work\.Source)|Figure"),
    # values of enumerations as defaults, and names for unions of types
    ("py:class", r"'\w+'>\)|Cell|WordLengths"),
]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"hass {release}"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_copy_source = False
