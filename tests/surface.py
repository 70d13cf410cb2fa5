"""What others hold on to: addresses, commands, metrics, headers, tables, task and channel names.

`python -m tests.surface` writes tests/surface.txt anew. A line that goes breaks somebody's script: a test compares.
"""

import ast
import os
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import django
from django.apps import apps
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).resolve().parent / "surface.txt"
PACKAGES = ("controlplane", "registry", "routing", "versions")
NAMES = {
    "metric": re.compile(r"patchbay_[a-z_]+"),
    "header": re.compile(r"x-patchbay-[a-z-]+"),
    "redis": re.compile(r"patchbay:[a-z:]+"),
    "task": re.compile(r"patchbay\.[a-z_]+"),
}


def surface() -> list[str]:
    """One line for each name that the outside knows, sorted."""
    commands = (f"command {name}" for name, app in get_commands().items() if app.partition(".")[0] in PACKAGES)
    tables = (f"table {model._meta.db_table}" for model in apps.get_models() if model.__module__.startswith(PACKAGES))
    return sorted({*_addresses(get_resolver().url_patterns, ""), *commands, *tables, *_named()})


def _addresses(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for one in patterns:
        address = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _addresses(one.url_patterns, address)
        else:
            yield f"address /{address} {one.name or ''}".rstrip()


def _named() -> Iterator[str]:
    for text in _texts():
        yield from (f"{kind} {text}" for kind, pattern in NAMES.items() if pattern.fullmatch(text))


def _texts() -> Iterator[str]:
    """Every text and byte constant of the product's code."""
    trees = (ast.parse(path.read_text()) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    for node in chain.from_iterable(map(ast.walk, trees)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value
            yield value.lower() if isinstance(value, str) else value.decode("latin-1").lower()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    django.setup()
    LIST.write_text("\n".join(surface()) + "\n")
