"""URLs of storages, without what is secret in them."""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
_USER = re.compile(r"^([^:/?#]+://[^:/@]*):([^@]*)@")
_QUERY = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)([^&]*)", re.IGNORECASE)


def shown_url(url: str) -> str:
    """The URL with passwords hidden: for files, for messages, and to tell storages apart."""
    return _QUERY.sub(rf"\g<1>{HIDDEN}", _USER.sub(rf"\g<1>:{HIDDEN}@", url))


def scrubbed(text: str, url: str) -> str:
    """A text about a URL, with the URL's secrets hidden wherever they stand, decoded ones too."""
    found = [match[2] for match in (_USER.search(url), *_QUERY.finditer(url)) if match is not None]
    for secret in sorted({*found, *map(unquote, found)} - {"", HIDDEN}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
