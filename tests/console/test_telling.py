"""Who switches the language reads every error in it: what code says to people is a sentence of the catalogue."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from controlplane.base.messages import Sentence, in_both, restored, stored
from controlplane.base.web.telling import told

FOLDER = Path(settings.BASE_DIR)
SPEAKING = [
    "registry/protocols/runtime/losses",
    "registry/protocols/runtime/params",
    "registry/protocols/runtime/given",
    "registry/protocols/auth",
    "registry/protocols/runtime/content",
    "registry/protocols/runtime/calls",
    "registry/protocols/runtime/replies",
    "registry/protocols/runtime/own_format",
    "registry/protocols/runtime/splice",
    "registry/protocols/codecs/anthropic",
    "registry/protocols/codecs/anthropic_settings",
    "registry/protocols/codecs/huggingface",
    "registry/protocols/codecs/ollama",
    "routing/calls/jobs",
    "routing/lab/races",
    "routing/dataplane/fields",
    "routing/dataplane/refusals",
    "routing/dataplane/held",
    "routing/dataplane/gateway",
    "routing/dataplane/endpoints",
    "routing/dataplane/forwarding",
    "routing/dataplane/caller",
    "routing/dataplane/first_calls",
    "routing/dataplane/unspoken",
    "registry/protocols/runtime/streams",
    "registry/protocols/codecs/kserve",
    "registry/protocols/codecs/anthropic_answers",
    "registry/protocols/compiler/adapters",
    "registry/reasons",
    "registry/catalog/importing",
    "registry/catalog/releases",
    "registry/catalog/verbs",
    "registry/catalog/search",
    "registry/access/credentials",
    "registry/access/callers",
    "registry/detection/detect",
    "registry/detection/drafts",
    "registry/detection/trying",
    "registry/upstreams/looking",
    "registry/predict_form",
    "registry/steering",
    "registry/wording",
    "registry/transports/egress",
    "registry/transports/decompress",
    "registry/transports/target",
    "registry/transports/http",
    "registry/transports/connection",
    "registry/transports/response",
    "registry/catalog/cures",
    "registry/upstreams/exchange",
    *(
        f"controlplane/base/{name}"
        for name in ("accounts", "access", "config", "egress_rules", "saved_views", "secrets")
    ),
    "controlplane/base/jobs/verbs",
    *(
        f"versions/{name}"
        for name in (
            *("calendar", "descriptions", "hotfix", "ledger", "objects", "places", "polling", "proposing", "respec"),
            *("scan", "update_policy", "verdict", "webhooks", "compat/calling", "compat/cases", "compat/golden"),
            *("compat/replay", "compat/running", "compat/speed", "evidence/manifests", "evidence/pickles"),
            *("evidence/signatures", "gitops/planning", "gitops/statuses", "impact/callers", "impact/noticing"),
            *("reading/errors", "review/decisions", "review/queue", "rollout/gates", "rollout/goldens"),
            *("rollout/plans", "sources/directory", "sources/oci", "sources/ollama"),
        )
    ),
    *(f"registry/specfile/{name}" for name in ("errors", "file", "params", "reading", "text", "values")),
]
SENTENCE = re.compile(r"[a-z]{2,} .*[a-z]{2,}|[a-z]{2,} \{|\} [a-z]{2,}")
UNSEEN = {
    "{} ms",
    "key {} ({}…) of {}",
    "playground {} {}",
    "credential {} {}",
    "Connect call failed ",
    "a black dot",
    "thinking disabled",
    "no tools",
    "inputs {}; outputs {}",
    "adapter {} {}",
    "_Worker | None",
    "practice callers (emulated)",
    "it is gone, larger than what is read, or no description any more",
}
"""Not told as sentences: units, names, types, what the system says, what is sent."""
MARKED = {"Sentence", "gettext", "ngettext", "gettext_lazy", "ngettext_lazy", "re.compile"}


def unmarked(tree: ast.AST) -> Iterator[str]:
    """Every text like a sentence that is no docstring, not logged and not marked; what differs as {}."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func) in MARKED:
            waiting += [*node.args[1:], *node.keywords]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            waiting += [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        else:
            waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("module", SPEAKING)
def test_everything_a_module_says_is_marked(module: str) -> None:
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    assert [text for text in unmarked(tree) if SENTENCE.search(text) and text not in UNSEEN] == []


REFUSALS = {"Invalid", "Missing", "Conflict", "Stale", "JobFailed", "JobDeferred", "Failure"}
"""What is raised with a code or kind first, then with the message."""


def plain_refusals(tree: ast.AST) -> Iterator[str]:
    """Each refusal whose message is written where it is raised, and is no sentence."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] not in REFUSALS:
            continue
        if len(node.args) > 1 and isinstance(node.args[1], ast.Constant | ast.JoinedStr | ast.BinOp):
            yield ast.unparse(node)


@pytest.mark.parametrize("package", ["controlplane", "registry", "routing", "versions"])
def test_every_refusal_is_a_sentence(package: str) -> None:
    files = sorted((FOLDER / package).rglob("*.py"))
    assert [found for path in files for found in plain_refusals(ast.parse(path.read_text()))] == []


def test_a_plain_refusal_is_found() -> None:
    told = ast.parse('raise Missing("model", Sentence("there is none"))')
    plain = ast.parse('raise refusals.Missing("model", f"there is no {name}")')
    assert (list(plain_refusals(told)), len(list(plain_refusals(plain)))) == ([], 1)


def test_what_is_not_marked_is_found() -> None:
    found = set(unmarked(ast.parse('"""A docstring."""\nraise Wrong(f"{x} is not known")\nsay(Sentence("it is so"))')))
    assert found == {"{} is not known"}


def test_a_sentence_in_both_languages_is_told_in_the_readers() -> None:
    sentence = Sentence("{first} (and {more} more)", first=in_both("size was removed", "size 已被移除"), more=2)
    assert str(sentence) == "size was removed (and 2 more)"
    with translation.override("zh-hans"):
        assert told(restored(stored(sentence))).startswith("size 已被移除")


def test_a_sentence_is_told_in_the_language_of_the_reader() -> None:
    sentence = Sentence("{path} is {shown}; expected {expected}", path="a", shown="3", expected=Sentence("text"))
    assert told(sentence) == "a is 3; expected text"
    with translation.override("zh-hans"):
        assert told(sentence) == "a 的值是 3；应为：文本"


def test_words_of_others_stay_as_they_are() -> None:
    with translation.override("zh-hans"):
        assert told("CUDA out of memory") == "CUDA out of memory"
