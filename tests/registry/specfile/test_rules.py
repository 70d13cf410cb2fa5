"""The reader, the JSON Schema and the documentation of specs say the same, because all three follow from one table."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.messages import Sentence
from registry.protocols.compiler.catalog import ALIASES, canonical_name
from registry.specfile import rules
from registry.specfile.errors import SpecInvalid
from registry.specfile.file import read
from registry.specfile.reading import READERS
from registry.specfile.schema import MADE, SCHEMA
from tests.registry.specfile.page import PAGE, TAKES, made, table
from tests.registry.specfile.rows import ROW

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
READER_ALONE = {
    "a name whose parts between slashes are neither empty nor . nor ..",
    "at most {limit} characters, none of them a control character",
    "the model's name at the upstream, as text",
    "the endpoint {shown} {problem}",
    "credential is not {expected}; never write the secret itself into a spec",
    "each replica's address once",
    "each option once",
    "another name than the model's own",
    "protocol {protocol} does not serve type {kind}; it serves {served}",
    "{second} and {first} would both be sent as {path}; remove one or change its `upstream`",
    "{name} is part of every call and cannot be a parameter",
    "the upstream's name, such as top_k or options.top_k, not {reserved}",
    "range is for float and int, not for {kind}",
    "range {given} is reversed; write [{low}, {high}]",
    "two numbers [low, high] below 2**63; null leaves one side open",
    "two different numbers",
    "convert needs `range: [low, high]` beside it",
    "a value of type {kind}",
    "a value of type {type}",
    "a value within the range {low} to {high}",
    "one of the options {options}",
    "one of the options, of type {kind}",
    "text, a number, true or false",
    "an entry for every option",
    "clamp with options needs a default",
    "a list of 1 to {most} values of a float, int, bool or string (this one is {kind})",
    "a mapping from the caller's value to the upstream's",
    "{exclusive: [a, b]} or {when: a, above: 1, requires: b, range: [low, high]}",
    "at least two different parameter names, and no other key but outside",
    "two numbers [low, high]",
    "a size such as 12GB, 512MiB or a number of bytes",
    "seconds, more than 0 and at most {most}",
    "a date such as 2027-06-30, or a time such as 2027-06-30T12:00:00Z, from 1990 to 2199",
    "{name} would end on {ends} (sunset), before it is deprecated on {since}; sunset must be {since} or later",
}
"""What a JSON Schema cannot say: relations between values, stored names, numbers that no database keeps."""


def templates(value: Any) -> set[str]:
    """The templates of everything that the reader has against a document."""
    try:
        read(value)
    except SpecInvalid as invalid:
        return {template_of(error.message, error.expected) for error in invalid.errors}
    return set()


def template_of(message: str, expected: str) -> str:
    """The template of a sentence of its own, or of what was expected."""
    assert isinstance(message, Sentence)
    own = message.template
    if own == "{path} is {shown}; expected {expected}":
        return expected.template if isinstance(expected, Sentence) else expected
    return own


NUMBERS = st.integers(-3, 300) | st.floats(-5, 100_000, allow_nan=False)
WORDS = st.sampled_from(
    ["", "a", "a b", "x" * 65, "x" * 201, "a/b", "a//b", "sk-1", "refuse", "clamp", "float", "12gb", "1 KiB"]
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


WRITTEN = ["http://h", "HTTPS://h:8443/v1/", "http://h?x", "ftp://h", "http://é", "http://" + "h" * 500]
DATES = ["2027-06-30", "2027-06-30T12:00:00+08:00", "2027-02-30", "2027-06-30 12:00:00", "soon"]
SIZES = ["12GB", " 12 gb ", "0.5kib", "12", 7, -1, 1.5, 10**18, "9" * 16 + "B"]


def words_of(kind: rules.WordKind) -> st.SearchStrategy[str]:
    """Known words in many spellings."""
    known = st.sampled_from(kind.known)
    return known | known.map(str.upper) | known.map(lambda word: f" {word.title()} ") | respelled(known)


NEAR: Mapping[type[rules.Kind], Callable[[Any], st.SearchStrategy[Any]]] = {
    rules.WordKind: words_of,
    rules.ChoiceKind: lambda kind: st.sampled_from(kind.known),
    rules.FlagKind: lambda kind: st.booleans(),
    rules.DateKind: lambda kind: st.sampled_from(DATES) | st.from_regex(kind.pattern, fullmatch=True),
    rules.NameKind: lambda kind: st.from_regex(kind.pattern, fullmatch=True),
    rules.TextsKind: lambda kind: st.lists(st.from_regex(kind.pattern, fullmatch=True) | WORDS, max_size=4),
    rules.AddressesKind: lambda kind: st.sampled_from(WRITTEN) | st.lists(st.sampled_from(WRITTEN), max_size=3),
    rules.SizeKind: lambda kind: st.sampled_from(SIZES),
    rules.NumberKind: lambda kind: NUMBERS,
    rules.RangeKind: lambda kind: st.lists(NUMBERS | st.none(), max_size=3),
    rules.OptionsKind: lambda kind: st.lists(NUMBERS | WORDS, max_size=3),
    rules.PairsKind: lambda kind: st.dictionaries(WORDS, NUMBERS | WORDS, max_size=3),
    rules.GroupKind: lambda kind: mappings(kind.keys),
    rules.NamedKind: lambda kind: st.dictionaries(
        st.from_regex(kind.pattern, fullmatch=True) | WORDS, mappings(kind.keys), max_size=3
    ),
    rules.RowsKind: lambda kind: st.lists(mappings(kind.keys), max_size=3),
    rules.AnyKind: lambda kind: JSON,
    rules.TextKind: lambda kind: WORDS,
}


def values_of(kind: rules.Kind) -> st.SearchStrategy[Any]:
    """Values that a key may take, and some that are near."""
    return NEAR[type(kind)](kind)


def respelled(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Words with other joints."""
    return st.tuples(words, st.sampled_from("-_ "), st.sampled_from("-_ ")).map(
        lambda found: found[0].replace(*found[1:])
    )


def mappings(keys: tuple[rules.Key, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings of some of these keys."""
    required = {key.name: values_of(key.kind) for key in keys if key.required}
    optional = {key.name: values_of(key.kind) | st.none() for key in keys if not key.required}
    return st.fixed_dictionaries(required, optional=optional)


def agree(document: dict[str, Any]) -> None:
    """What the reader takes the schema takes; what only the reader refuses is something that a schema cannot say."""
    refused = [error.message for error in VALIDATOR.iter_errors(document)]
    found = templates(document)
    assert found or not refused, (document, refused)
    assert refused or found <= READER_ALONE, (document, found - READER_ALONE)


@given(mappings(rules.SPEC))
def test_reader_and_schema_agree_on_specs(document: dict[str, Any]) -> None:
    agree(document)


@given(st.sampled_from(rules.SPEC), st.data())
def test_reader_and_schema_agree_on_each_key(key: rules.Key, data: st.DataObject) -> None:
    agree({**ROW, key.name: data.draw(values_of(key.kind) | JSON, label=key.name)})


@given(mappings(rules.PARAMETER_KEYS), st.sampled_from(rules.PARAMETER_KEYS), JSON)
def test_reader_and_schema_agree_on_parameters(body: dict[str, Any], key: rules.Key, value: Any) -> None:
    agree({**ROW, "params": {"heat": body}})
    agree({**ROW, "params": {"heat": {**body, key.name: value}}})


@given(st.text(max_size=8), JSON)
def test_reader_and_schema_refuse_the_same_unknown_keys(name: str, value: Any) -> None:
    if name not in rules.names(rules.SPEC):
        document = {**ROW, name: value}
        assert templates(document) & {
            "unknown key {key}; expected {expected}",
            "unknown key {key}. Did you mean {near}?",
        }
        assert list(VALIDATOR.iter_errors(document))


@pytest.mark.parametrize("key", [key for key in rules.SPEC if key.required], ids=lambda key: key.name)
def test_reader_and_schema_require_the_same_keys(key: rules.Key) -> None:
    document = {name: value for name, value in ROW.items() if name != key.name}
    assert templates(document) == {"{key} is missing"}
    assert list(VALIDATOR.iter_errors(document))


def test_a_list_is_as_long_for_the_reader_as_for_the_schema() -> None:
    for count in (rules.EXCLUSIVE.most, rules.EXCLUSIVE.most + 1):
        document = {**ROW, "constraints": [{"exclusive": [f"p{number}" for number in range(count)]}]}
        assert bool(templates(document)) == bool(list(VALIDATOR.iter_errors(document))) == (count > 100)


@pytest.mark.parametrize("spelling", sorted({*ALIASES, *(alias.replace("_", "-") for alias in ALIASES)}))
def test_every_spelling_that_is_read_is_in_the_schema(spelling: str) -> None:
    assert canonical_name(spelling)
    documents = ({**ROW, "protocol": spelling.upper()}, {**ROW, "protocol": f" {spelling} "})
    assert not [
        error for document in documents for error in VALIDATOR.iter_errors(document) if "protocol" in error.path
    ]


def test_the_tables_of_the_documentation_are_made_of_the_rules() -> None:
    """If a rule was changed, `python -m tests.registry.specfile.page` makes the tables anew."""
    text = PAGE.read_text(encoding="utf-8")
    assert made(text) == text
    assert f"| `owner` | text, at most 150 characters | {rules.SPEC[12].meaning}. |" in text


def test_every_kind_of_value_is_read_described_and_documented() -> None:
    kinds = {type(key.kind) for keys in (rules.SPEC, rules.PARAMETER_KEYS, rules.CONSTRAINT_KEYS) for key in keys}
    assert kinds <= set(MADE) == set(TAKES)
    assert set(READERS) == set(rules.names(rules.SPEC))


@pytest.mark.parametrize(
    "keys", [rules.SPEC, rules.PARAMETER_KEYS, rules.CONSTRAINT_KEYS, rules.RESOURCES, rules.TIMEOUTS]
)
def test_every_key_has_a_meaning_of_one_line(keys: tuple[rules.Key, ...]) -> None:
    assert len(set(rules.names(keys))) == len(keys)
    for key in keys:
        assert re.fullmatch(r"[^\n|]{3,110}[^.\n|]", key.meaning)
    assert table(keys).count("\n") == len(keys) + 1
