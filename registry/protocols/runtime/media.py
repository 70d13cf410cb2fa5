"""Data addresses of pictures: their media type as it is registered, and their base64."""

import re
from urllib.parse import unquote

REGISTERED = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/jfif": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-webp": "image/webp",
}
"""Spellings that are in use, and the registered type of each."""
SIGNS = {"/9j/": "image/jpeg", "iVBORw0KGgo": "image/png", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""How the base64 of a picture begins."""
UNTOLD = ("", "application/octet-stream", "binary/octet-stream", "image/*")
SPACE = re.compile(r"\s+")


def data_address(address: str) -> tuple[str, str, str] | None:
    """A data: address as (type as written, registered type, base64 without spaces); None if it is not base64."""
    head, comma, data = address[5:].partition(",")
    written, *parameters = head.split(";")
    if not comma or "base64" not in [parameter.strip().lower() for parameter in parameters]:
        return None
    data = SPACE.sub("", unquote(data) if "%" in data else data)
    return written, registered(written, data), data


def registered(written: str, data: str) -> str:
    """The registered media type of a picture whose type is `written`; told by its first bytes if that says none."""
    media = written.strip().lower()
    if media in UNTOLD:
        return next((kind for sign, kind in SIGNS.items() if data.startswith(sign)), media or "image/png")
    return REGISTERED.get(media, media)
