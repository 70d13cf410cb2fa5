"""Why a parameter does not travel as given, in words: made for calls that are refused alone."""

from typing import Any

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from registry.wording import shown

EXPECTED = Sentence("expected {expected}")
SAME = Sentence("{name} is given and means the same")
CALLED = Sentence("on this model it is called {name}")
NO_WAY = Sentence("the upstream has no way to say it")
TAKEN = Sentence("a parameter of this model takes its place")
NO_PARAMETER = Sentence("this model's upstream has no such parameter")


def one_of(options: tuple[Any, ...]) -> Sentence:
    """What is expected of an option."""
    return Sentence("one of {options}", options=[shown(item) for item in options[:20]])


def one_only(names: tuple[str, ...], given: str) -> Sentence:
    """Why a parameter that another one excludes is lost."""
    return Sentence("at most one of {names} may be given and {given} is", names=list(names), given=repr(given))


def in_its_place(source: str) -> Sentence:
    """Why a field is lost for whose place there are two."""
    return Sentence("{source} is given and takes its place", source=repr(source))


def refused(name: str, given: Any, expected: str, code: str = "invalid_parameter") -> Failure:
    """The failure for a value that is not accepted."""
    text = Sentence(
        "Parameter {name} is {given}; expected {expected}.", name=repr(name), given=shown(given), expected=expected
    )
    return Failure(FailureKind.INVALID_REQUEST, text, parameter=name, code=code)
