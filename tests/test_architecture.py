"""The laws of the house hold, and each of them can fail."""

import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import PURE, circles, imports, modules, rooms, shared_class_names
from tests.laws import APPS, LAWS, TOP_LEVEL, Law, Source

ROOT = Path(__file__).resolve().parent.parent
READ = {".py", ".js", ".html", ".sh", ".md"}


def repository() -> tuple[str, ...]:
    """Paths of all files that belong to the repository, those not yet committed included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return tuple(path for path in listed if path and (ROOT / path).exists())


SOURCES = tuple(
    Source(path, (ROOT / path).read_text())
    for path in repository()
    if Path(path).suffix in READ and "/migrations/" not in path
)

LONG = "\n".join(f"    x = {number}" for number in range(60))
BROKEN: dict[str, tuple[str, str]] = {
    "short_files": ("registry/a.py", "x = 1\n" * 351),
    "narrow_pages": ("templates/a.html", f"<p>{'x' * 114}</p>\n"),
    "narrow_prose": ("docs/a.md", f"{'words ' * 21}\n"),
    "short_functions": ("registry/a.py", f"def f() -> None:\n{LONG}\n"),
    "few_parameters": ("registry/a.py", "def f(a, b, c, d, *, e, f, g) -> None: ...\n"),
    "shallow": (
        "registry/a.py",
        "def f() -> None:\n for a in b:\n  if a:\n   with a:\n    while a:\n     pass\n",
    ),
    "imports_on_top": ("registry/a.py", "def f() -> None:\n    import os\n"),
    "telling_names": ("registry/utils.py", ""),
    "narrow_excepts": ("registry/a.py", "try:\n    f()\nexcept (ValueError, Exception):\n    pass\n"),
    "typed_returns": ("registry/a.py", "class A:\n    def f(self): ...\n"),
    "no_waivers": ("registry/a.py", "try: f()\nexcept Exception: pass  # noqa: BLE001\n"),
    "only_urls_import_skin": ("registry/tasks.py", "from registry import views\n"),
    "no_siblings": ("routing/policies/affinity.py", "from routing.policies.heuristics import score\n"),
    "no_evaluation": ("registry/a.py", "exec('x = 1')\n"),
    "no_unsafe_loading": ("registry/a.py", "import yaml\nyaml.load(text)\n"),
    "escaped_pages": ("templates/a.html", "{{ name|safe }}\n"),
    "redis_names_together": ("registry/a.py", 'store.get("patchbay:models")\n'),
    "lock_numbers_together": ("registry/a.py", 'cursor.execute("select pg_advisory_lock(%s)", [7])\n'),
    "orm_only": ("registry/a.py", "Model.objects.filter(a=1).extra(where=['1=1'])\n"),
    "nothing_skipped": ("tests/test_a.py", "@pytest.mark.skip\ndef test_a() -> None: ...\n"),
}
ALSO_BROKEN = (
    ("narrow_excepts", "registry/a.py", "with suppress(Exception):\n    f()\n"),
    ("narrow_excepts", "registry/a.py", "try:\n    f()\nexcept:\n    pass\n"),
    ("no_waivers", "registry/a.py", "x = y  # type: ignore\n"),
    ("no_waivers", "registry/a.py", "x = y  # noqa\n"),
    ("no_unsafe_loading", "registry/a.py", "import pickle\n"),
    ("no_unsafe_loading", "registry/a.py", "import yaml\nyaml.load(text, Loader=yaml.Loader)\n"),
    ("escaped_pages", "templates/a.html", "<script>alert(1)</script>\n"),
    ("escaped_pages", "templates/a.html", '<p style="color: red">\n'),
    ("escaped_pages", "templates/a.html", '<p onclick="go()">\n'),
    ("escaped_pages", "templates/a.html", '<script src="https://cdn.example/x.js"></script>\n'),
    ("escaped_pages", "registry/a.py", "page = mark_safe(text)\n"),
    ("orm_only", "registry/a.py", "from django.db.models.signals import post_save\n"),
    ("telling_names", "registry/viewsets.py", ""),
    ("only_urls_import_skin", "routing/calls/jobs.py", "from registry.api import models\n"),
)
SOUND = (
    ("narrow_prose", "docs/a.md", f"| {'cell ' * 30} |\n\n```\n{'x' * 121}\n```\n\nRun `{'x' * 121}`.\n"),
    ("narrow_excepts", "registry/a.py", "try:\n    f()\nexcept BaseException:\n    close()\n    raise\n"),
    ("narrow_excepts", "routing/dataplane/gateway.py", "try:\n    f()\nexcept Exception:\n    answer()\n"),
    ("shallow", "registry/a.py", "def f() -> None:\n if a: pass\n elif b: pass\n elif c: pass\n elif d: pass\n"),
    ("no_evaluation", "registry/protocols/compiler/adapters.py", "exec(compile(tree, name, 'exec'), space)\n"),
    ("no_evaluation", "registry/a.py", "import re\nre.compile('x')\n"),
    ("no_unsafe_loading", "registry/a.py", "import yaml\nyaml.load(text, Loader=yaml.CSafeLoader)\n"),
    ("escaped_pages", "templates/a.html", '<script type="module" src="{% static \'js/a.js\' %}"></script>\n'),
    ("only_urls_import_skin", "registry/urls.py", "from registry import api, views\n"),
    ("only_urls_import_skin", "registry/tasks.py", "from rest_framework import views\n"),
    ("no_siblings", "routing/policies/affinity.py", "from routing.table import Table\n"),
)
BY_NAME = {law.__name__: law for law in LAWS}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law_holds(law: Law) -> None:
    broken = [f"{source.path}: {wrong}" for source in SOURCES for wrong in law(source)]
    assert not broken, f"{law.__doc__}\n" + "\n".join(broken)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law_can_fail(law: Law) -> None:
    path, text = BROKEN[law.__name__]
    assert list(law(Source(path, text)))


@pytest.mark.parametrize(("name", "path", "text"), ALSO_BROKEN)
def test_law_sees(name: str, path: str, text: str) -> None:
    assert list(BY_NAME[name](Source(path, text)))


@pytest.mark.parametrize(("name", "path", "text"), SOUND)
def test_law_lets_pass(name: str, path: str, text: str) -> None:
    assert not list(BY_NAME[name](Source(path, text)))


def test_top_level_is_the_fixed_list() -> None:
    found = {path.partition("/")[0] for path in repository()}
    assert found <= TOP_LEVEL, f"not in the list: {sorted(found - TOP_LEVEL)}"


@pytest.mark.parametrize("app", APPS)
def test_every_app_wears_the_same_skin(app: str) -> None:
    assert {"apps.py", "urls.py"} <= {path.name for path in (ROOT / app).iterdir()}


def test_no_room_has_a_circle() -> None:
    """Siblings at any level may not import each other in a circle, imports for types alone included."""
    found = [
        f"{room.name or 'the house'}: {' ↔ '.join(one)}" for room in rooms(imports(modules())) for one in room.circles
    ]
    assert not found, "\n".join(found)


def test_a_circle_is_seen_between_packages_and_for_types_alone() -> None:
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from registry.b.d import D\n"
    texts = {
        "registry": "",
        "registry.a": "",
        "registry.a.c": typed,
        "registry.b": "",
        "registry.b.d": "import registry.a.c",
    }
    found = {room.name: room.circles for room in rooms(imports(texts))}
    assert found["registry"] == (("a", "b"),)
    assert circles({"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a"}), "d": frozenset({"a"})}) == [
        ("a", "b", "c")
    ]
    assert circles({"a": frozenset({"b"}), "b": frozenset()}) == []


def test_a_class_name_is_borne_by_one_class() -> None:
    assert shared_class_names(modules()) == {}


def test_a_class_name_that_two_modules_share_is_seen_inside_functions_too() -> None:
    texts = {
        "registry.one": "class Limits: ...\nclass Command: ...\n",
        "routing.two": "def made():\n    class Limits: ...\n",
        "routing.three": "class Command: ...\nclass CallLimits: ...\n",
    }
    assert shared_class_names(texts) == {"Limits": ("registry.one", "routing.two")}


def test_pure_rooms_are_listed_once_for_the_import_linter_and_for_mypy() -> None:
    """The list is PURE in tests/house.py; mypy needs a package named twice, itself and what is in it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    strict = next(one["module"] for one in settings["mypy"]["overrides"] if one.get("strict"))
    pure = next(one for one in settings["importlinter"]["contracts"] if one["name"].startswith("the pure core"))
    assert pure["source_modules"] == list(PURE)
    assert strict == list(strictly_typed())


def strictly_typed() -> Iterator[str]:
    for name in PURE:
        yield name
        if (ROOT / name.replace(".", "/")).is_dir():
            yield f"{name}.*"


def test_sources_were_found() -> None:
    assert len(SOURCES) > 100
