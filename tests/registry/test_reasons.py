"""Reasons of failures: what differs only in names, addresses, ids and numbers is one cause, all else another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.messages import Sentence, joined, message_of
from registry.reasons import (
    ALLOW,
    KEY,
    NAME,
    Failing,
    asking_for_key,
    cause,
    cure,
    grouped,
    of_model,
    offering,
    without_name,
)
from registry.transports.egress import Egress, EgressRefused

MODEL = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,30}", fullmatch=True)
HOST = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,5}){0,2}", fullmatch=True)
PORT = st.integers(1, 65535).map(str)
ADDRESS = st.one_of(
    st.tuples(HOST, PORT).map(":".join),
    st.tuples(st.ip_addresses(v=4).map(str), PORT).map(":".join),
    st.tuples(st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"), PORT).map(":".join),
)
URL = st.tuples(st.sampled_from(["http://", "https://"]), ADDRESS, st.sampled_from(["", "/v1", "/m/7"])).map("".join)
QUOTED = st.tuples(st.sampled_from(["''", '""', "``", "“”"]), MODEL).map(lambda made: made[0][0] + made[1] + made[0][1])
NUMBER = st.one_of(st.integers(0, 10**9).map(str), st.floats(0, 1e6).map(lambda number: f"{number:.2f}"))
ID = st.one_of(
    st.uuids().map(str),
    st.from_regex(r"req_[0-9][0-9a-zA-Z]{9,20}", fullmatch=True),
    st.from_regex(r"[0-9][0-9a-f]{9,31}", fullmatch=True),
)
HOLES = {"quoted": QUOTED, "address": ADDRESS, "url": URL, "number": NUMBER, "id": ID}
PIECE = st.one_of(
    st.sampled_from([f"{{{name}}}" for name in HOLES]),
    st.sampled_from(["model", "does not exist", "took over", "s", "the upstream says", "isn't there", "refused", "|"]),
    st.sampled_from(["status 404", "status 503", "answered 302", "[Errno 111]", "[Errno 113]"]),
)
TEMPLATE = st.lists(PIECE, min_size=1, max_size=8).map(" ".join)


def filled(template: str, data: st.DataObject) -> str:
    """`template` with a drawn value in each hole."""
    pieces = [data.draw(HOLES[piece[1:-1]]) if piece[1:-1] in HOLES else piece for piece in template.split(" ")]
    return of_model(data.draw(MODEL), " ".join(pieces))


def placed(origin: str, words: str) -> str:
    """What is said of one replica of model m."""
    return joined([origin, of_model("m", words)], ": ")


@given(TEMPLATE, st.data())
def test_what_differs_in_names_addresses_ids_and_numbers_is_one_cause(template: str, data: st.DataObject) -> None:
    assert cause(filled(template, data)) == cause(filled(template, data))


@given(TEMPLATE, TEMPLATE, st.data())
def test_what_says_something_else_is_another_cause(one: str, other: str, data: st.DataObject) -> None:
    def skeleton(template: str) -> str:
        for hole in HOLES:
            template = template.replace(f"{{{hole}}}", "…")
        return template

    same = cause(filled(one, data)) == cause(filled(other, data))
    assert same == (skeleton(one) == skeleton(other))


@given(st.text(max_size=300))
def test_a_cause_is_its_own_cause(reason: str) -> None:
    assert cause(cause(reason)) == cause(reason)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (of_model("acme-1", Sentence("The upstream says: {words}", words="no")), "The upstream says: no"),
        (of_model("acme-1", "The upstream says: no"), "The upstream says: no"),
        (of_model("org/m:7b", "took too long"), "took too long"),
        (
            joined([placed("http://a:1", "The x"), placed("http://b:2", "y")], " | "),
            "http://a:1: The x | http://b:2: y",
        ),
        ("The upstream says: Model 'm': no", "The upstream says: Model 'm': no"),
        ("fleet.yaml:4: models[0].type: expected text", "fleet.yaml:4: models[0].type: expected text"),
        ("", ""),
    ],
)
def test_the_name_that_stands_beside_it_is_left_out(reason: str, words: str) -> None:
    assert without_name(reason) == words


@pytest.mark.parametrize("count", [1, 3, 10, 11, 30])
def test_what_an_upstream_offers_is_found_again(count: int) -> None:
    names = [f"practice/chat-{number}:7b" for number in range(count)]
    found = cure(joined([offering(of_model("m", "no such model."), "acme-chat-0001", names), "more words"], ": "))
    assert found.kind == NAME
    assert list(found.offered) == names[:10]


def test_one_offer_and_many_are_one_cause() -> None:
    said = [offering(of_model("a", "no."), "a", [f"m-{n}" for n in range(count)]) for count in (1, 4, 40)]
    assert len({cause(reason) for reason in said}) == 1


@pytest.mark.parametrize(
    "address", [("127.0.0.1", 18077, "127.0.0.1"), ("gpu.internal", 8000, "10.0.0.7"), ("::1", 9, "::1")]
)
def test_the_entry_that_the_guard_names_is_found_again(address: tuple[str, int, str]) -> None:
    with pytest.raises(EgressRefused) as refused:
        Egress(()).check(*address)
    reason = of_model("m", message_of(refused.value))
    found = cure(reason)
    assert (found.kind, found.entry) == (ALLOW, refused.value.entry)
    assert cure(joined(["http://h:1", reason], ": ")).entry == refused.value.entry


def test_an_upstream_cannot_name_an_entry() -> None:
    with pytest.raises(EgressRefused) as refused:
        Egress(()).check("127.0.0.1", 1, "127.0.0.1")
    assert cure(f"Model 'm': the upstream says: {refused.value}").kind != ALLOW


def test_a_key_that_is_asked_for_is_known() -> None:
    assert cure(asking_for_key(of_model("m", "who are you?"), 401)).kind == KEY
    assert cure(str(asking_for_key(of_model("m", "who are you?"), 401))).kind == ""


def test_groups_come_with_the_most_frequent_first() -> None:
    rows = [Failing(f"m-{n}", of_model(f"m-{n}", f"The upstream says: no such model `m-{n}`"), n) for n in range(400)]
    rows += [Failing("x", of_model("x", "upstream http://10.0.0.1:8000 closed the connection before it answered"))]
    groups = grouped(rows)
    assert [(group.cause, len(group.rows), len(group.ids)) for group in groups] == [
        ("The upstream says: no such model …", 400, 400),
        ("upstream … closed the connection before it answered", 1, 0),
    ]
    assert groups[1].words == "upstream http://10.0.0.1:8000 closed the connection before it answered"
