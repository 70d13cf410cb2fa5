"""docs/change-classifier.md speaks of the code that is here, of every rule, and of no miss."""

import re
from collections import Counter

import pytest

from benchmarks.classifier import PAGE, Results, Tally, code_digest, doing
from benchmarks.classifier_page import REASONS, page
from versions.diff.rules import table

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_was_measured_with_this_code() -> None:
    """The numbers need data that is not in the repository; so the page says which code made them."""
    found = re.search(r"code `([0-9a-f]{16})` · data `([0-9a-f]{16})`", TEXT)
    assert found is not None
    assert found[1] == code_digest(), "versions/diff changed: run `python benchmarks/classifier.py DATA --write`"


def test_words_and_moves_need_no_new_measurement() -> None:
    module = 'from a.b import c\n\ndef f(x):\n    """Says."""\n    return c(x)\n'
    assert doing(module) == doing('from a.room.b import c\n# why\ndef f(x):\n    """Says more."""\n    return c(x)\n')
    assert doing(module) != doing(module.replace("c(x)", "c(-x)"))


def test_a_module_cut_in_two_needs_no_new_measurement() -> None:
    first, second = "A = 1\n", "def f(x):\n    return x + A\n"
    assert doing(first) | doing(f'"""Moved."""\nfrom first import A\n{second}') >= doing(first + second)
    assert doing(second.replace("+", "-")) != doing(second)


def test_the_page_holds_every_rule() -> None:
    assert set(table()) == set(
        re.findall(r"`([a-z][a-z-]+)`", TEXT.split("## Rule by rule")[1].split("## Real pairs")[0])
    )


def test_the_page_promises_what_the_targets_ask() -> None:
    assert "**Misses: 0**" in TEXT
    assert "not explained" not in TEXT
    rows = {row.split(" | ")[0].lstrip("| "): row for row in TEXT.splitlines() if row.startswith("| ")}
    shares = [float(share) for share in re.findall(r"\((\d+\.\d)%\)", rows["jsonsubschema"])]
    assert shares[0] >= 85
    for source, least in (
        ("oasdiff", 97),
        ("openapi-diff", 95),
        ("swagger-brake", 95),
        ("buf", 95),
        ("jsonsubschema", 95),
    ):
        beside = float(re.findall(r"\((\d+\.\d)%\)", rows[source])[-1])
        assert beside >= least, source


@pytest.mark.parametrize("word", ["breaking", "review", "compatible"])
def test_the_page_explains_its_words(word: str) -> None:
    assert f"**{word}**" in TEXT


def test_the_page_is_filled_with_what_was_measured() -> None:
    tally = Tally(
        "peer", Counter({("breaking", "review"): 1, ("breaking", "compatible"): 2, ("non-breaking", "compatible"): 1})
    )
    tally.disagreements.append(("pair-7", "breaking", "compatible", "nothing", REASONS["nothing"]))
    results = Results(
        {"peer": tally}, {"site": Counter(breaking=3, adaptable=1)}, renames=[(0.7, "old_name", "new_name")]
    )
    text = page(results, "c0de", "da7a")
    assert "code `c0de` · data `da7a`" in text
    assert "**Misses: 2** labelled breaks called compatible, of 4 labelled pairs" in text
    assert "| peer | 4 | 2 | 1 of 1 (100.0%) | 2 of 4 (50.0%) | 2 of 4 (50.0%) | – |" in text
    assert (
        "### peer (1)\n\n| pair | label | ours | finding | reason |\n| --- | --- | --- | --- | --- |\n| pair-7 |"
        in text
    )
    assert "| site | 3 | 3 | 0 | 0 | 1 |" in text
    assert "`old_name` → `new_name` (0.7)" in text
    assert "{{" not in text
