"""Generated source means what its tree means, whatever it holds, and stays within its width."""

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.protocols.compiler.adapters import load
from registry.protocols.compiler.generate import assign, call, do, doc, function, literal, name
from registry.protocols.compiler.layout import WIDTH, layout

TEXTS = st.text(max_size=30) | st.sampled_from(['"""', "\\", "\n", "'", '"', "{x}", "%s", "\x00", "é", "\\n"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(TEXTS | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


def text_of(*statements: ast.stmt) -> str:
    """The text of a module."""
    return layout(ast.fix_missing_locations(ast.Module(list(statements), [])))


@given(VALUES)
def test_a_literal_comes_back_as_it_was(value: Any) -> None:
    source = text_of(assign("VALUE", literal(value)))
    assert value == load(source, "<test>").VALUE


@given(st.lists(VALUES, max_size=4), st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3))
def test_a_call_gets_its_arguments(args: list[Any], named: dict[str, Any]) -> None:
    body = [ast.Return(call("dict", [], {"args": literal(args), "named": literal(named)}))]
    source = text_of(function("run", {}, "dict", body))
    assert load(source, "<test>").run() == {"args": args, "named": named}


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60))
def test_a_docstring_says_what_it_should_and_ends_there(text: str) -> None:
    source = text_of(function("run", {}, "None", [doc(text), ast.Return(ast.Constant(7))]))
    module = load(source, "<test>")
    assert module.run() == 7
    kept = (module.run.__doc__ or "").replace("\r", "\n")
    assert [line.strip() for line in kept.split("\n") if line.strip()] == [
        line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()
    ]


@given(st.lists(st.text("abc é", max_size=20), min_size=1, max_size=30))
def test_long_lists_are_wrapped_one_by_one(items: list[str]) -> None:
    source = text_of(do("print", tuple(items)))
    assert max(map(len, source.splitlines())) <= WIDTH
    assert ast.literal_eval(ast.parse(source).body[0].value.args[0]) == tuple(items)  # type: ignore[attr-defined]


def test_blank_lines_stand_where_a_formatter_puts_them() -> None:
    source = text_of(
        doc("Module."),
        ast.ImportFrom("a", [ast.alias("b")], 0),
        ast.ImportFrom("c", [ast.alias("d")], 0),
        assign("X", literal(1)),
        function("run", {"x": "int"}, "int", [ast.Return(name("x.real"))]),
    )
    assert source == (
        '"""Module."""\n\nfrom a import b\nfrom c import d\n\nX = 1\n\n\ndef run(x: int) -> int:\n    return x.real\n'
    )


def test_a_call_that_does_not_fit_has_one_argument_a_line() -> None:
    long = ["x" * 30, "y" * 30, "z" * 30]
    source = text_of(do("draft.option", *long, fallback={"k" * 40: "v" * 40, "m" * 40: ("n",)}))
    assert source.splitlines()[0] == "draft.option("
    assert source.splitlines()[1] == f"    '{long[0]}',"
    assert "    fallback={" in source
    assert ast.unparse(ast.parse(source)) == ast.unparse(ast.parse(source.replace("\n", "")))


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_wrapped_values_inside_wrapped_values_are_indented(depth: int) -> None:
    value: Any = "x" * 90
    for _ in range(depth):
        value = ("y" * 20, value)
    source = text_of(assign("VALUE", literal(value)))
    assert value == load(source, "<test>").VALUE
