"""Pages of figures: a template of Markdown under benchmarks/templates, filled with texts and tables."""

import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap
from typing import Any

from django.template import Context, Engine

TEMPLATES = Path(__file__).with_name("templates")
LAID_OUT = ("#", "|", "- ", "![", "    ")
"""What a line begins with that is no prose: headings, tables, lists, pictures, code."""


def render(name: str, facts: dict[str, Any]) -> str:
    """The template `name` with `{{ facts }}` filled in; what a fact's text says is left as it is."""
    engine = Engine(dirs=[str(TEMPLATES)], autoescape=False)
    return engine.get_template(name).render(Context(facts, autoescape=False, use_l10n=False))


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table of Markdown, without a line break at its end."""
    names = list(head)
    lines = [names, ["---" for _ in names], *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def reflow(text: str, width: int) -> str:
    """The text with its prose wrapped at a width, and one empty line between its parts."""
    parts = re.split(r"\n\s*\n", text.strip("\n"))
    return "\n\n".join(part if part.startswith(LAID_OUT) else _wrapped(part, width) for part in parts) + "\n"


def _wrapped(part: str, width: int) -> str:
    return "\n".join(wrap(" ".join(part.split()), width, break_long_words=False, break_on_hyphens=False))
