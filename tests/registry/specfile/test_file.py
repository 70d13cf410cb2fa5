"""A spec file is read whole: every error with its line, path, what was given and what is expected."""

import time
import tracemalloc
from typing import Any

import jsonschema
import pytest
import yaml

from registry.spec import TASKS_BY_TYPE, Spec
from registry.specfile.errors import SpecError, SpecInvalid
from registry.specfile.file import digest, document, parse, read, to_yaml
from registry.specfile.schema import SCHEMA

ISSUE = """\
models:
  - name: gpt-4o
    type: LLM
    protocol: OPENAI
    endpoint: https://api.example.com/v1
    params:
      temperature: {type: float, default: 0.7, range: [0,1]}
      max_tokens: {type: int, default: 2000}
    resources: {gpu_memory: 12GB, vram_per_token: 0.003GB}
"""
ROW = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://h:8000"}


def errors(text: str | bytes) -> list[SpecError]:
    """Every error of a file."""
    parsed = parse(text, "models.yaml")
    return [*parsed.errors, *(error for row in parsed.rows for error in row.errors)]


def row_errors(**changes: Any) -> list[SpecError]:
    """The errors of one row with changes; None takes a key away."""
    row = {key: value for key, value in {**ROW, **changes}.items() if value is not None}
    return errors(yaml.safe_dump({"models": [row]}))


def test_the_founding_example() -> None:
    parsed = parse(ISSUE)
    assert parsed.errors == ()
    row = parsed.rows[0]
    assert (row.errors, row.line, row.name) == ((), 2, "gpt-4o")
    spec = row.spec
    assert isinstance(spec, Spec)
    assert (spec.type, spec.protocol, spec.endpoints) == ("llm", "openai", ("https://api.example.com/v1",))
    assert (spec.resources.gpu_memory, spec.resources.vram_per_token) == (12_000_000_000, 3_000_000)
    assert [(item.name, item.default, item.low, item.high) for item in spec.params] == [
        ("temperature", 0.7, 0.0, 1.0),
        ("max_tokens", 2000, None, None),
    ]


def test_every_row_tells_every_error_with_its_place() -> None:
    text = """\
models:
  - name: a
    type: llmm
    protocol: OPENAI
    endpoint: ftp://h
    parms: {}
  - name: ok
    type: embeddings
    protocol: oLLaMa
    endpoint: http://h
  - name: b
    type: chat
    protocol: openai
    endpoint: http://h
    params:
      temperature:
        type: float
        range: [2, 0]
      top_p: {type: float, range: [0, 1], default: 3}
"""
    parsed = parse(text, "models.yaml")
    assert parsed.errors == ()
    assert [bool(row.errors) for row in parsed.rows] == [True, False, True]
    found = {(error.line, error.path): error for row in parsed.rows for error in row.errors}
    assert set(found) == {
        (3, "models[0].type"),
        (5, "models[0].endpoint"),
        (6, "models[0].parms"),
        (18, "models[2].params.temperature.range"),
        (19, "models[2].params.top_p.default"),
    }
    assert "Did you mean 'llm'?" in found[3, "models[0].type"].message
    assert "Did you mean 'params'?" in found[6, "models[0].parms"].message
    assert found[18, "models[2].params.temperature.range"].given == "[2, 0]"
    assert "write [0, 2]" in found[18, "models[2].params.temperature.range"].message
    assert str(found[3, "models[0].type"]).startswith("models.yaml:3: models[0].type: type is 'llmm'")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (b"models:\n  - name: \xff", 2, "not UTF-8"),
        ("models:\n\x00", 2, "NUL"),
        ("models:\n\x07", 2, "control character"),
        ("models:\n\t- name: a", 2, "tab"),
        ("models: [", 1, "not valid YAML"),
        ("models: []", 1, "models is []"),
        ("", 1, "is empty"),
        ("- 1", 1, "holds [1]"),
        ("just words", 1, "holds 'just words'"),
        ("model: []", 1, "no models key"),
        ("models: []\n---\nmodels: []", 2, "several YAML documents"),
        ("a: &x [1]\nmodels: *x", 1, "anchor &x"),
        ("models: *x", 1, "alias *x"),
        ("models: !!python/object/apply:os.system [ls]", 1, "tag"),
        ("models: " + "[" * 60, 1, "nested deeper"),
        ("? [a]\n: b", 1, "cannot be a key"),
        (b"x" * 50_000_000, 0, "larger than 20 MB"),
        ("models:\n- " + "[" * 20 + "1" + "]" * 20, 2, "a mapping with name"),
    ],
)
def test_files_that_are_no_spec_file(text: str | bytes, line: int, words: str) -> None:
    found = errors(text)
    assert found, "no error"
    assert any(error.line == line and words in error.message for error in found), [str(error) for error in found]


def test_a_bomb_and_a_flood_end_soon() -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{'*' + chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(9)
    )
    flood = "models: [" + "1," * 1_100_000 + "]"
    started = time.process_time()
    assert "anchor" in errors(bomb)[0].message
    assert "more than 1,000,000 values" in errors(flood)[0].message
    assert time.process_time() - started < 20


def test_keys_that_occur_twice() -> None:
    found = errors(ISSUE + "    name: other\n    resources:\n      gpu_memory: 1GB\n      gpu_memory: 2GB\n")
    assert {(error.line, error.path) for error in found} == {
        (10, "models[0].name"),
        (11, "models[0].resources"),
        (13, "models[0].resources.gpu_memory"),
    }
    assert "already set in line 2" in found[0].message
    inner = errors(ISSUE.replace("max_tokens:", "temperature:"))
    assert [(error.line, error.path) for error in inner] == [(8, "models[0].params.temperature")]


def test_names_are_unique_in_a_file() -> None:
    rows: list[dict[str, Any]] = [
        {**ROW, "aliases": ["x"]},
        {**ROW},
        {**ROW, "name": "x"},
        {**ROW, "name": "n", "aliases": ["m"]},
    ]
    parsed = parse(to_yaml(rows))
    assert [len(row.errors) for row in parsed.rows] == [0, 1, 1, 1]
    assert "already taken in line 2" in parsed.rows[1].errors[0].message
    assert parsed.rows[3].errors[0].path == "models[3].aliases[0]"


@pytest.mark.parametrize("key", ROW)
def test_required_keys(key: str) -> None:
    (found,) = row_errors(**{key: None})
    assert (found.path, found.message) == (f"models[0].{key}", f"{key} is missing")


REFUSED: dict[str, list[Any]] = {
    "name": ["a b", "", "x" * 201, "../x", "a//b", "a/", "a\n", "名", "-a", 7, 0.5, True, [], {}, "a\u202eb"],
    "endpoint": [
        "h:80", "//h", "ftp://h", "file:///etc/passwd", "http://", "http://u:p@h", "http://h:0", "http://h:99999",
        "http://h:", "http://h?x=1", "http://h#f", "http://h/../x", "http://h/%2e%2e/x", "http://a b", "http://h\\x",
        "http://0x7f.1", "http://2130706433", "http://[::1", "http://[fe80::1%25eth0]", "http://é", "http://-h",
        "http://h..x", 7, [], {}, ["http://h", "http://h"], ["http://h", 3],
    ],
    "type": ["", "llmx", 3, [], {}],
    "protocol": ["soap", ["openai"], 7],
    "resources": ["12GB", {"gpu_memory": "12 parsecs"}, {"gpu_memory": -1}, {"gpu": "1GB"}, {"gpu_memory": 1.5}],
    "timeouts": [{"connect": 0}, {"total": 1e9}, {"idle": True}, {"first": 1}, 3],
    "tags": ["a", ["a,b"], ["a", "a"], [""], [1], ["x" * 65]],
    "aliases": [["m"], ["a b"], ["a", "a"], "a"],
    "credential": ["sk-live-123", "hf_abc", "a b", 7],
    "strict": ["yes", 1],
    "owner": ["x" * 151],
    "description": ["a\u0007", 3],
    "upstream_model": [" m", 4, ""],
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{key: value} for key, values in REFUSED.items() for value in values]
    + [{"type": "embedding", "protocol": "anthropic"}],
)
def test_values_that_are_refused(changes: dict[str, Any]) -> None:
    found = row_errors(**changes)
    assert found
    assert all(error.message and error.expected and error.path.startswith("models[0].") for error in found)


@pytest.mark.parametrize(
    "parameter",
    [
        {}, {"type": "complex"}, {"type": 3}, 7, [], None, {"type": "float", "range": [1]},
        {"type": "float", "range": [1, "2"]},
        {"type": "float", "range": [None, None]}, {"type": "string", "range": [0, 1]},
        {"type": "float", "range": [0, 1], "default": 2},
        {"type": "int", "default": 1.5}, {"type": "int", "default": True}, {"type": "bool", "default": 1},
        {"type": "string", "default": 3}, {"type": "string", "options": []}, {"type": "string", "options": ["a", "a"]},
        {"type": "string", "options": ["a"], "default": "b"}, {"type": "string", "options": ["a", 1]},
        {"type": "array", "options": [[1]]}, {"type": "float", "convert": {"range": [0, 1]}},
        {"type": "float", "range": [0, 1], "convert": {"range": [1, 1]}},
        {"type": "float", "range": [0, 1], "convert": 3},
        {"type": "string", "values": {"a": ["b"]}}, {"type": "string", "options": ["a"], "values": {"b": "c"}},
        {"type": "string", "options": ["a", "b"], "values": {"a": "c"}}, {"type": "int", "values": {"x": 1}},
        {"type": "string", "options": ["a"], "outside": "clamp"}, {"type": "float", "outside": "ignore"},
        {"type": "float", "upstream": "a b"}, {"type": "float", "upstream": "model"},
        {"type": "float", "required": "no"},
        {"type": "float", "minimum": 0}, {"type": "int", "default": 10**30}, {"type": "float", "range": [0, 10**400]},
    ],
)  # fmt: skip
def test_parameters_that_are_refused(parameter: Any) -> None:
    found = row_errors(params={"heat": parameter})
    assert found
    assert all(error.path.startswith("models[0].params.heat") for error in found)


def test_parameters_that_collide_or_are_reserved() -> None:
    assert (
        "both be sent as 'x'"
        in row_errors(params={"x": {"type": "int"}, "y": {"type": "int", "upstream": "x"}})[0].message
    )
    assert "part of every call" in row_errors(params={"messages": {"type": "array"}})[0].message
    both = {"max_tokens": {"type": "int"}, "num_predict": {"type": "int"}}
    assert "num_predict" in row_errors(protocol="ollama", params=both)[0].message


@pytest.mark.parametrize(
    "constraint",
    [
        3, {}, {"exclusive": ["a"]}, {"exclusive": ["a", "b"], "range": [0, 1]}, {"requires": "a"},
        {"requires": "a", "when": "b", "above": "x", "range": [0, 1]}, {"requires": "a", "when": "b", "above": 1},
        {"exclusive": ["a", "b"], "requires": "c"}, {"exclusiv": ["a", "b"]},
    ],
)  # fmt: skip
def test_constraints_that_are_refused(constraint: Any) -> None:
    assert row_errors(constraints=[constraint])


def test_secrets_are_not_repeated() -> None:
    found = row_errors(endpoint="https://user:hunter2@h", credential="sk-hunter2", api_key="hunter2")
    assert len(found) == 3
    assert "hunter2" not in "".join(str(error) + error.given + error.expected for error in found)


def test_scalars_follow_yaml_1_2() -> None:
    text = ISSUE.replace(
        "name: gpt-4o", "name: no\n    description: yes\n    owner: 2026-01-01\n    upstream_model: 012"
    )
    spec = parse(text).rows[0].spec
    assert spec is not None
    assert (spec.name, spec.description, spec.owner, spec.upstream_model) == ("no", "yes", "2026-01-01", "012")


@pytest.mark.parametrize("spelling", ["OPENAI", "openai", "vLLM", " OpenAI ", "openai-compatible"])
def test_protocols_in_any_case(spelling: str) -> None:
    assert read({**ROW, "protocol": spelling}).protocol == "openai"


def test_two_spellings_of_one_spec_have_one_digest() -> None:
    longer = {
        **ROW,
        "type": "LLM",
        "upstream_model": "m",
        "tags": [],
        "params": {"t": {"type": "number", "range": [0, 1]}},
    }
    other = {
        **ROW,
        "protocol": "VLLM",
        "endpoint": ["http://h:8000/"],
        "params": {"t": {"type": "float", "range": [0.0, 1.0]}},
    }
    assert digest(longer) == digest(other)
    assert digest(longer) != digest({**longer, "tags": ["a"]})


def test_five_hundred_rows_are_read_at_once() -> None:
    rows = [{**yaml.safe_load(ISSUE)["models"][0], "name": f"m-{number}"} for number in range(500)]
    text = to_yaml(rows)
    started = time.process_time()
    parsed = parse(text)
    taken = time.process_time() - started
    assert all(row.spec is not None for row in parsed.rows)
    assert len({row.digest for row in parsed.rows}) == 500
    assert taken < 1.5, f"{taken:.2f} s of CPU"


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(TASKS_BY_TYPE) <= set(SCHEMA["properties"]["type"]["anyOf"][0]["enum"])
    jsonschema.validate(yaml.safe_load(ISSUE)["models"][0], SCHEMA)


def test_a_written_file_shows_bounds_as_people_write_them() -> None:
    params = {"length": {"type": "int", "range": [1, 32768]}, "heat": {"type": "float", "range": [-0.0, 2.5]}}
    row = {"name": "a", "type": "llm", "protocol": "openai", "endpoint": "http://h", "params": params}
    text = to_yaml([document(read(row))])
    assert "range: [1, 32768]" in text
    assert "range: [0, 2.5]" in text
    assert parse(text).rows[0].digest == digest(row)


def test_an_error_in_a_list_says_which_item_of_what() -> None:
    row = {"name": "a", "type": "llm", "protocol": "openai", "endpoint": "http://h", "tags": ["x", "x"]}
    with pytest.raises(SpecInvalid, match=r"tags\[1\] is 'x'; expected each item once"):
        read(row)


@pytest.mark.parametrize("number", [1e308, -1e308, 1e19, 10**30, 2**63, float("inf")])
@pytest.mark.parametrize("place", ["default", "range", "options", "above"])
def test_low_a_number_that_the_database_gives_back_otherwise_is_refused(number: float, place: str) -> None:
    given: dict[str, Any] = {"default": number, "range": [None, number], "options": [number]}
    kept = {name: value for name, value in given.items() if name == place}
    limits = [{"when": "a", "above": number, "requires": "a", "range": [0, 1]}] if place == "above" else []
    assert row_errors(params={"a": {"type": "float", **kept}}, constraints=limits)


@pytest.mark.parametrize("names", [["a", "a"], ["a", "b", "a"]])
def test_low_parameters_that_exclude_each_other_are_different(names: list[str]) -> None:
    given: dict[str, Any] = {"a": {"type": "float"}, "b": {"type": "float"}}
    assert row_errors(params=given, constraints=[{"exclusive": names}])


def test_m7_a_small_file_with_many_errors_makes_a_small_report() -> None:
    tracemalloc.start()
    found = parse("models: [" + "1," * 20_000 + "1]")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert any("at most 20,000" in str(error) for error in found.errors)
    few = parse("models: [" + "1," * 10_000 + "1]")
    assert any("over 500 errors" in str(error) for error in few.errors)
    for each in (found, few):
        assert sum(len(row.errors) for row in each.rows) <= 510
        assert len(each.rows) <= 510
    assert peak < 64 * 1024 * 1024
