"""Any document is either a spec that can be written and read again, or tells what is wrong with it."""

from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from registry.specfile.errors import SpecError
from registry.specfile.file import SpecInvalid, digest, document, parse, read, to_yaml
from registry.specfile.schema import SCHEMA

ROW = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://h:8000"}

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True).filter(
    lambda name: name not in ("model", "stream", "messages", "prompt", "input", "inputs", "task", "parameters")
)
NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
RANGES = st.tuples(NUMBERS, NUMBERS).map(sorted).filter(lambda pair: pair[0] < pair[1])
PARAMETERS = st.one_of(
    st.builds(lambda pair: {"type": "float", "range": pair, "default": pair[0], "outside": "clamp"}, RANGES),
    st.builds(lambda pair: {"type": "float", "range": pair, "convert": {"range": [0, 1]}}, RANGES),
    st.builds(lambda value: {"type": "int", "default": value, "required": True}, st.integers(-(2**40), 2**40)),
    st.builds(
        lambda options: {"type": "string", "options": options, "values": {item: item + "!" for item in options}},
        st.lists(st.text("abc é", min_size=1, max_size=5), min_size=1, max_size=4, unique=True),
    ),
    st.just({"type": "array", "default": [1, {"a": None}], "description": "x"}),
    st.just({"type": "bool", "default": False}),
)
ROWS = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,20}", fullmatch=True),
        "type": st.just("llm"),
        "protocol": st.sampled_from(["openai", "anthropic", "OLLAMA", "tgi"]),
        "endpoint": st.sampled_from(["http://h", "https://a.b:8443/v1", ["http://a", "http://b"], "http://[::1]:80"]),
    },
    optional={
        "params": st.dictionaries(NAMES, PARAMETERS, max_size=3),
        "resources": st.fixed_dictionaries({"gpu_memory": st.sampled_from(["12GB", "512MiB", 7, "0.003GB"])}),
        "timeouts": st.fixed_dictionaries({"total": st.floats(0.1, 1000)}),
        "tags": st.lists(
            st.text("ab c", min_size=1, max_size=4).filter(lambda tag: tag[0] != " "), max_size=3, unique=True
        ),
        "constraints": st.just(
            [{"exclusive": ["a", "b"]}, {"when": "n", "above": 1, "requires": "t", "range": [0.3, None]}]
        ),
        "description": st.text("ab\né", max_size=20),
        "strict": st.booleans(),
        "sunset": st.sampled_from(["2027-06-30", "2027-06-30T08:00:00+08:00", "2199-12-31T23:59:59Z"]),
        "deprecated": st.just("2027-01-01"),
    },
)


@given(ROWS)
def test_what_is_read_can_be_written_and_read_again(row: dict[str, Any]) -> None:
    spec = read(row)
    assert read(document(spec)) == spec
    (parsed,) = parse(to_yaml([document(spec)])).rows
    assert (parsed.errors, parsed.spec, parsed.digest) == ((), spec, digest(row))
    jsonschema.validate(row, SCHEMA)


def check(value: Any) -> None:
    """A document is a spec that survives writing, or tells what is wrong with it."""
    found: tuple[SpecError, ...] = ()
    try:
        spec = read(value)
    except SpecInvalid as invalid:
        found = invalid.errors
    assert found or read(document(spec)) == spec
    assert all(error.message and len(error.given) <= 80 for error in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(SCHEMA["properties"], JSON)) | JSON)
def test_wrong_types_anywhere_are_errors_and_never_exceptions(value: Any) -> None:
    check(value)


@given(
    st.dictionaries(st.sampled_from([*SCHEMA["properties"]["params"]["additionalProperties"]["properties"], "x"]), JSON)
)
def test_wrong_parameters_are_errors_and_never_exceptions(value: dict[str, Any]) -> None:
    check({**ROW, "params": {"heat": value}})


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_an_error_and_never_an_exception(text: str | bytes) -> None:
    parsed = parse(text)
    assert parsed.errors or any(row.errors for row in parsed.rows)
