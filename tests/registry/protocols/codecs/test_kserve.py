"""Typed tensors: what is checked before they are sent, and what is made of those that come back."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import CallContext, Failure
from registry.protocols.codecs import kserve
from tests.registry.protocols.runtime.values import value

CONTEXT = CallContext("public", "r1", 0)
GOOD: dict[str, Any] = {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0]}
SHAPES = st.lists(st.integers(0, 3), min_size=0, max_size=3)


def nested(shape: list[int], numbers: Any) -> Any:
    """Values in the form of `shape`."""
    if not shape:
        return next(numbers)
    return [nested(shape[1:], numbers) for _ in range(shape[0])]


@pytest.mark.parametrize("text", ["a", ["a"], ["a", "b"]])
def test_text_becomes_one_tensor(text: Any) -> None:
    texts = [text] if isinstance(text, str) else text
    assert kserve.tensors(value(text)) == [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]


@given(SHAPES.filter(bool))
def test_flat_and_nested_data_of_a_shape_are_sent_as_they_are(shape: list[int]) -> None:
    size = math.prod(shape)
    flat = {**GOOD, "shape": shape, "data": list(range(size))}
    deep = {**GOOD, "shape": shape, "data": nested(shape, iter(range(size)))}
    assert kserve.tensors(value([flat, deep])) == [flat, deep]


@given(SHAPES.filter(bool), st.integers(1, 5))
def test_data_that_does_not_fill_its_shape_is_refused(shape: list[int], more: int) -> None:
    size = math.prod(shape)
    with pytest.raises(Failure) as caught:
        kserve.tensors(value([{**GOOD, "shape": shape, "data": [0] * (size + more)}]))
    assert f"which means {size} values, but holds {size + more}" in caught.value.message


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": None}, "inputs[1] has no name"),
        ({"name": 7}, "inputs[1] has no name"),
        ({"datatype": "FLOAT"}, "inputs[1] has the datatype 'FLOAT', which is none of BOOL, UINT8"),
        ({"datatype": None}, "inputs[1] has the datatype None"),
        ({"shape": "2x2"}, "inputs[1] has the shape '2x2', which is no list of sizes"),
        ({"shape": [-1, 4]}, "inputs[1] has the shape [-1, 4], which is no list of sizes"),
        ({"shape": [2**31]}, "which is no list of sizes"),
        ({"shape": [2.0, 2]}, "which is no list of sizes"),
        ({"data": None}, "inputs[1] has the shape [2, 2], which means 4 values, but holds 0"),
        ({"data": "1234"}, "which means 4 values, but holds 0"),
        ({"data": [[1], [2]]}, "which means 4 values, but holds 2"),
    ],
)
def test_a_wrong_tensor_says_which_and_why(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(Failure) as caught:
        kserve.tensors(value([GOOD, {**GOOD, **changes}]))
    assert problem in caught.value.message
    assert caught.value.message.endswith("expected {name, shape, datatype, data}.")


@pytest.mark.parametrize("wrong", [[], None, 7, {}, True])
def test_what_are_no_tensors_is_refused(wrong: Any) -> None:
    with pytest.raises(Failure, match="the inputs are no list of tensors"):
        kserve.tensors(value(wrong))
    with pytest.raises(Failure, match=r"inputs\[0\] has no name"):
        kserve.tensors(value([wrong]))


def test_outputs_keep_their_id_and_get_our_name() -> None:
    made = kserve.outputs({"id": "7", "model_name": "theirs", "outputs": [GOOD]}, CONTEXT)
    assert made == {"id": "7", "model": "public", "outputs": [GOOD]}
    assert kserve.outputs({"outputs": []}, CONTEXT) == {"model": "public", "outputs": []}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({}, KeyError),
        ({"outputs": {}}, TypeError),
        ({"outputs": [7]}, ValueError),
        ({"outputs": [{**GOOD, "data": []}]}, ValueError),
        ([], TypeError),
    ],
)
def test_wrong_outputs_raise(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        kserve.outputs(answer, CONTEXT)


@given(st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_the_first_float_tensor_is_the_vectors(rows: int, width: int, deep: bool) -> None:
    rows_of = [[float(row * width + column) for column in range(width)] for row in range(rows)]
    data = rows_of if deep else [number for row in rows_of for number in row]
    tensor = {"name": "v", "shape": [rows, width], "datatype": "FP32", "data": data}
    other = {"name": "mask", "shape": [1, 1], "datatype": "INT64", "data": [1]}
    made = kserve.embeddings({"outputs": [other, tensor]}, CONTEXT)
    assert [item["embedding"] for item in made["data"]] == rows_of


@pytest.mark.parametrize(
    "tensor",
    [
        {**GOOD, "datatype": "INT64"},
        {**GOOD, "shape": [4]},
        {**GOOD, "shape": [0, 2], "data": []},
        {**GOOD, "shape": [2, 0], "data": [[], []]},
    ],
)
def test_outputs_without_vectors_raise(tensor: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no output is a float tensor|the output holds no values"):
        kserve.embeddings({"outputs": [tensor]}, CONTEXT)
