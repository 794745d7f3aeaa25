"""Names of layers: safe in files, HLS and HTML, whatever the model says."""

from __future__ import annotations

import re

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 100  # leaves room for a suffix within the 255 bytes that file systems allow


def safe_name(name: str, fallback: str) -> str:
    """``name`` with every run of other characters than A-Z a-z 0-9 _ . - made one underscore.

    >>> safe_name("/layer1/conv/Conv", "Conv_0"), safe_name("", "Conv_0"), safe_name("../é", "X_1")
    ('layer1_conv_Conv', 'Conv_0', 'X_1')
    """
    return _UNSAFE.sub("_", name).strip("_.-")[:_LONGEST] or fallback
