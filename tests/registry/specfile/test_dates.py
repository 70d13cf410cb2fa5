"""Dates of a model's end in its spec: what they take, one normal form, and the sentence for every other value."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.lifecycle import FIRST, LAST, Lifecycle, moment, stated, written
from registry.specfile.file import digest, document, parse, to_yaml
from tests.registry.specfile.rows import ROW, good, told, wrong

JUNE = datetime(2027, 6, 30, tzinfo=UTC)
DATE = "a date such as 2027-06-30, or a time such as 2027-06-30T12:00:00Z, from 1990 to 2199"


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("2027-06-30", "2027-06-30"),
        ("2027-06-30T00:00:00Z", "2027-06-30"),
        ("2027-06-30t08:00:00+08:00", "2027-06-30"),
        ("2027-06-30T12:00:00.999999999Z", "2027-06-30T12:00:00Z"),
        ("2027-06-30T23:30:00-01:00", "2027-07-01T00:30:00Z"),
    ],
)
def test_a_date_has_one_normal_form_and_one_digest(value: str, normal: str) -> None:
    spec = good(sunset=value)
    assert spec.sunset == moment(normal)
    assert document(spec)["sunset"] == normal
    assert digest({**ROW, "sunset": value}) == digest({**ROW, "sunset": normal}) != digest(ROW)


@pytest.mark.parametrize(
    "value",
    [
        "soon", "", "2027-6-30", "2027-02-30", "20270630", "2027-W26-3", "2027-06-30 12:00:00Z", "2027-06-30T12:00:00",
        "2027-06-30T24:00:00Z", "2027-06-30T12:00:60Z", "2027-06-30T12:00:00+24:00", "1989-12-31", "2200-01-01",
        "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2027-06-30\n", "٢٠٢٧-٠٦-٣٠", 2027, 20270630, True,
        [], {},
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["deprecated", "sunset"])
def test_what_is_no_date_says_what_is_expected(key: str, value: Any) -> None:
    (error,) = wrong(**{key: value})
    assert (error.path, error.expected) == (key, DATE)
    assert error.message == f"{key} is {error.given}; expected {DATE}"


def test_a_model_does_not_end_before_it_is_deprecated() -> None:
    assert good(deprecated="2027-06-30", sunset="2027-06-30T00:00:00Z").lifecycle == Lifecycle(JUNE, JUNE)
    (error,) = wrong(deprecated="2027-06-30", sunset="2027-01-01")
    assert (error.path, error.given, error.expected) == ("sunset", "'2027-01-01'", "2027-06-30 or later")
    assert error.message == (
        "'m' would end on 2027-01-01 (sunset), before it is deprecated on 2027-06-30; "
        "sunset must be 2027-06-30 or later"
    )
    assert [path for path, _ in told(deprecated="soon", sunset="2027-01-01")] == ["deprecated"]


def test_a_file_says_the_line_and_reads_dates_without_quotes() -> None:
    head = "models:\n- name: m\n  type: llm\n  protocol: openai\n  endpoint: http://h:8000\n"
    (row,) = parse(f"{head}  deprecated: 2027-01-01\n  sunset: 2027-06-30\n").rows
    assert row.spec is not None
    assert row.spec.lifecycle == Lifecycle(datetime(2027, 1, 1, tzinfo=UTC), JUNE)
    assert parse(to_yaml([document(row.spec)])).rows[0].digest == row.digest
    (error,) = parse(f"{head}  deprecated: true\n").rows[0].errors
    assert (error.line, error.path, error.given) == (6, "models[0].deprecated", "true")


@given(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)).map(lambda one: one.replace(tzinfo=UTC)))
def test_every_moment_is_read_back(when: datetime) -> None:
    when = when.replace(microsecond=0)
    if when < LAST:
        assert moment(written(when)) == when
        assert stated({"sunset": written(when)}) == Lifecycle(None, when)
