"""Sentences: English for programs, another language for pages, data in the database."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.jobs import verbs as jobs
from controlplane.base.messages import MARK, Sentence, cut, joined, mapped, message_of, restored, stored
from controlplane.base.models import Job

CHINESE = {"{path} is {given}; expected {wanted}": "{path} 的值是 {given}；应为：{wanted}", "no range": "不写 range"}


def in_chinese(template: str) -> str:
    """What a catalogue answers: the template itself if it has no other."""
    return CHINESE.get(template, template)


def wrong(given: str = "'hot'") -> Sentence:
    """A sentence with another one inside."""
    return Sentence("{path} is {given}; expected {wanted}", path="a", given=given, wanted=Sentence("no range"))


def test_a_sentence_is_its_english_text() -> None:
    assert wrong() == "a is 'hot'; expected no range"
    assert json.dumps({"message": wrong()}) == '{"message": "a is \'hot\'; expected no range"}'
    assert Sentence("{n} of {all}: {names}", n=3, all=4.5, names=["x", "y"]) == "3 of 4.5: x, y"


def test_gaps_without_a_parameter_stay() -> None:
    assert Sentence("a mapping such as {type: float} or {range}") == "a mapping such as {type: float} or {range}"
    assert Sentence("{a}", a="{b}", b="c") == "{b}"


def test_a_sentence_is_told_with_the_sentences_in_it() -> None:
    assert wrong().told(in_chinese) == "a 的值是 'hot'；应为：不写 range"
    listed = Sentence("{all}", all=[Sentence("no range"), "x"])
    assert listed.told(in_chinese) == "不写 range, x"
    assert joined(["f.yaml:4", wrong()], ": ").told(in_chinese) == "f.yaml:4: a 的值是 'hot'；应为：不写 range"  # type: ignore[attr-defined]


def test_copies_are_sentences() -> None:
    assert copy.deepcopy(wrong()).told(in_chinese) == wrong().told(in_chinese)


def test_what_is_stored_is_data_and_comes_back() -> None:
    kept = json.loads(json.dumps(stored({"error": {"message": wrong(), "code": "x"}, "n": [1, None]})))
    assert "expected" not in kept["error"]["message"].partition('"p"')[2]
    back = restored(kept)
    assert back == {"error": {"message": "a is 'hot'; expected no range", "code": "x"}, "n": [1, None]}
    assert back["error"]["message"].told(in_chinese) == "a 的值是 'hot'；应为：不写 range"


def test_text_that_was_stored_before_stays_as_it_is() -> None:
    assert restored("there is no model named 'x'") == "there is no model named 'x'"
    assert type(restored("there is no model named 'x'")) is str


@given(st.text())
def test_words_of_others_never_become_a_sentence(text: str) -> None:
    for given_text in (text, MARK + text, MARK + '{"t":"no range","p":{}}'):
        back = restored(stored(given_text))
        assert (type(back), back) == (str, given_text)


@given(st.text(min_size=1), st.integers(min_value=160, max_value=400))
def test_long_words_are_cut_so_that_the_sentence_fits(text: str, most: int) -> None:
    kept = stored(wrong(text * 50), most)
    assert len(kept) <= most
    assert len(cut(wrong(text * 50), most)) <= most
    assert restored(kept).endswith("; expected no range")


def test_secrets_are_taken_out_of_the_gaps() -> None:
    masked = mapped(wrong("sk-123"), lambda text: text.replace("sk-123", "***"))
    assert masked == "a is ***; expected no range"
    assert isinstance(masked, Sentence)


def test_an_error_gives_back_the_sentence_it_was_raised_with() -> None:
    assert message_of(ValueError(wrong())) is not str(wrong())
    assert isinstance(message_of(ValueError(wrong())), Sentence)
    assert message_of(KeyError("x")) == "'x'"


@pytest.mark.parametrize("message", [wrong(), "an older sentence"])
def test_a_job_keeps_its_title_and_error_as_data(db: None, message: str) -> None:
    job = jobs.enqueue("none", {}, title=message)
    Job.objects.filter(pk=job.pk).update(error={"message": message})
    read = Job.objects.get(pk=job.pk)
    assert (read.title, read.error["message"]) == (message, message)
    assert type(read.title) is type(read.error["message"]) is type(message)
    assert Job.objects.filter(title=message).count() == 1
