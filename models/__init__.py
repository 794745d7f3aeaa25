"""Networks: the bundled digits network, and torch definitions that take torchvision's weights."""

from ._paths import digits_paths

__all__ = ["digits_paths"]
