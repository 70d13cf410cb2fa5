"""A page without charts: JavaScript at most 60 KB gzipped, the stylesheet at most 30 KB, nothing from elsewhere."""

import gzip
import re
from pathlib import Path

import django_htmx
import pytest
from django.conf import settings

from controlplane.base.web.assets import tight

STATIC = Path(settings.BASE_DIR) / "static"
HTMX = Path(django_htmx.__file__).parent / "static/django_htmx/htmx-2.min.js"
MOST_SCRIPT, MOST_STYLE = 60 * 1024, 30 * 1024


def test_scripts_are_light() -> None:
    files = [HTMX, *sorted((STATIC / "js").glob("*.js"))]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= MOST_SCRIPT


def test_stylesheet_is_light_and_self_contained() -> None:
    sheet = (STATIC / "css/console.css").read_text()
    assert len(tight(sheet).encode()) <= MOST_STYLE
    assert not re.search(r"url\(|@import", sheet)


def test_no_script_evaluates_or_writes_markup_from_text() -> None:
    for path in sorted((STATIC / "js").glob("*.js")):
        text = path.read_text()
        assert not re.search(r"\beval\(|new Function|document\.write|insertAdjacentHTML|outerHTML\s*=", text), path.name


@pytest.mark.parametrize("name", ["console.css", "editor.css", "lists.css", "lab.css", "wizard.css"])
def test_every_class_in_the_sheet_is_used(name: str) -> None:
    used = "\n".join(
        path.read_text()
        for folder, pattern in (("templates", "*.html"), ("static/js", "*.js"), ("controlplane/base", "*.py"))
        for path in (Path(settings.BASE_DIR) / folder).rglob(pattern)
    )
    sheet = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", (STATIC / "css" / name).read_text(), flags=re.DOTALL)
    names = set(re.findall(r"\.([a-z][a-z0-9-]+)", sheet))
    made = {name for name in names if name.startswith(("is-", "f-", "c-", "key-"))}
    unused = {name for name in names - made if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", used)}
    assert unused <= {"htmx-request"}
