"""Both languages are complete: what is visible is marked, what is marked is translated, and the .mo is the .po's."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils.translation.template import templatize

from tests.catalogue import evidence

FOLDER = Path(settings.BASE_DIR)
LOCALE = FOLDER / "templates/locale/zh_Hans/LC_MESSAGES"
PACKAGES = ("controlplane", "registry", "routing", "versions")
CALLS = {"gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "_", "Sentence"}
SAME_IN_BOTH = re.compile(
    r"Patchbay|CSV|JSON Lines|OpenAI( SDK)?|UTC|Python|curl|English|temperature|max_tokens|x-patchbay-adapted:?"
    r"|team-a -old|data-[a-z-]+=|/live|https://[^ ]+"
)
TEMPLATES = sorted((FOLDER / "templates").rglob("*.html"))


def catalogue() -> polib.POFile:
    """The Chinese words."""
    return polib.pofile(str(LOCALE / "django.po"))


def marked() -> Iterator[str]:
    """Every text that code, a template or a protocol document asks to translate."""
    yield from evidence()
    for template in TEMPLATES:
        source = templatize(template.read_text(), origin=str(template))
        yield from texts_of(source.replace("\t", " "), template)
    for package in PACKAGES:
        for path in sorted((FOLDER / package).rglob("*.py")):
            yield from texts_in(ast.parse(path.read_text()))


def texts_of(source: str, template: Path) -> Iterator[str]:
    """Texts of a template that was turned into gettext calls amid blanked-out text."""
    for found in re.finditer(
        r"(?:n?gettext|_)\((u?(?:'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"))", source, re.DOTALL
    ):
        yield str(ast.literal_eval(found[1].removeprefix("u")))


def texts_in(tree: ast.AST) -> Iterator[str]:
    """Texts of gettext calls in Python."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS and node.args:
            text = node.args[0]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield text.value


def test_everything_marked_is_in_the_catalogue() -> None:
    known = {entry.msgid for entry in catalogue()}
    wanted = set(marked())
    assert len(wanted) > 300
    assert wanted - known == set()
    assert known - wanted == set()


def test_nothing_is_untranslated_fuzzy_or_obsolete() -> None:
    words = catalogue()
    assert [entry.msgid for entry in words.untranslated_entries()] == []
    assert [entry.msgid for entry in words.fuzzy_entries()] == []
    assert [entry.msgid for entry in words.obsolete_entries()] == []


def test_translations_use_the_same_places() -> None:
    place = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
    for entry in catalogue():
        for text in [entry.msgstr, *entry.msgstr_plural.values()]:
            source = entry.msgid_plural or entry.msgid
            if text:
                assert set(place.findall(text)) <= set(place.findall(source)) | set(place.findall(entry.msgid)), (
                    entry.msgid
                )
                assert set(place.findall(entry.msgid)) <= set(place.findall(text)), entry.msgid


def test_compiled_catalogue_is_that_of_the_text() -> None:
    compiled = {entry.msgid: entry for entry in polib.mofile(str(LOCALE / "django.mo"))}
    for entry in catalogue():
        assert compiled[entry.msgid].msgstr == entry.msgstr
        assert compiled[entry.msgid].msgstr_plural == entry.msgstr_plural
    assert len(compiled) == len(catalogue())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(FOLDER / "templates")))
def test_every_visible_text_is_marked(template: Path) -> None:
    text = re.sub(r"{% blocktranslate.*?{% endblocktranslate %}", "", template.read_text(), flags=re.DOTALL)
    text = re.sub(r"<(pre|textarea|code|svg|kbd)\b.*?</\1>", "", text, flags=re.DOTALL)
    attributes = re.findall(r"\s(?:placeholder|title|aria-label|alt|data-confirm[a-z-]*)=\"([^\"]*)\"", text)
    visible = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "\n", re.sub(r"<[^>]*>", "\n", re.sub(r"{%[^%]*%}", "\n", text)))
    for given in [*visible.split("\n"), *(re.sub(r"{%.*?%}|{{.*?}}", "", item) for item in attributes)]:
        words = SAME_IN_BOTH.sub("", given)
        assert not re.search(r"[A-Za-z]{3,}", words) or "<" in given, f"not marked for translation: {given.strip()!r}"
