"""A sentence for people as data: a template and its parameters. Programs read it in English, pages in any language.

A `Sentence` is a str, its English sentence, so that REST, the command line and the log need nothing else. Pages tell it
in the reader's language (`controlplane.base.web.telling`). `make messages` collects the templates for the catalogue.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

Filling: TypeAlias = "str | int | float | Sequence[Filling]"
"""What stands in a gap: words as they are, a number, another sentence, or a list of these."""

MARK = "\x1e"
"""What a stored message begins with: a control character with which no sentence begins."""
LONGEST = 4000
"""The most characters of a stored message: the parameters of a longer one are cut."""
_GAP = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_NUMBER = 2**61 - 1
EITHER = "{en}"
"""The template of a sentence that brings its own Chinese; the catalogue has none for it."""
CUT = "..."
"""What stands at the end of words that were cut."""


class Sentence(str):
    """A sentence made of `template` and of the parameters that its `{gaps}` name. It does not change once made."""

    __slots__ = ("params", "template")
    template: str
    params: Mapping[str, Filling]

    def __new__(cls, template: str, /, **params: object) -> "Sentence":
        """Make the English sentence. A gap without a parameter stays as it is written; an error is what it says."""
        plain = {name: _plain(value) for name, value in params.items()}
        message = super().__new__(cls, filled(template, plain))
        message.template, message.params = template, MappingProxyType(plain)
        return message

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies have the same template and parameters."""
        return _made, (self.template, dict(self.params))

    def told(self, translate: Callable[[str], str]) -> str:
        """The sentence in another language, with the sentences in it; `translate` gives a template in that language."""

        def tell(part: str) -> str:
            return part.told(translate) if isinstance(part, Sentence) else part

        return filled(translate(self.template), self.params, tell)

    def given(self, **params: object) -> "Sentence":
        """The same sentence with these parameters, beside those that it has."""
        return _made(self.template, {**self.params, **params})

    def mapped(self, change: Callable[[str], str]) -> "Sentence":
        """The same sentence with `change` applied to all words in its gaps, for example to hide secrets."""
        return _made(self.template, {name: _changed(value, change) for name, value in self.params.items()})


def in_both(en: str, zh: str) -> Sentence:
    """A sentence that is written in both languages already, such as a rule's."""
    return Sentence(EITHER, en=en, zh=zh)


def filled(template: str, params: Mapping[str, Filling], tell: Callable[[str], str] = str) -> str:
    """`template` with its gaps filled; items of a list are separated by commas."""

    def part(value: Filling) -> str:
        if isinstance(value, str):
            return tell(value)
        return str(value) if isinstance(value, int | float) else ", ".join(map(part, value))

    return _GAP.sub(lambda gap: part(params[gap[1]]) if gap[1] in params else gap[0], template)


def joined(parts: Sequence[str], joint: str) -> str:
    """Sentences one after the other, with `joint` between them."""
    if len(parts) < 2:
        return parts[0] if parts else ""
    template = joint.join(f"{{part{number}}}" for number in range(len(parts)))
    return Sentence(template, **{f"part{number}": part for number, part in enumerate(parts)})


def message_of(error: BaseException) -> str:
    """What an error was raised with, a Sentence if it was one: `str(error)` is the English sentence alone."""
    first = error.args[0] if len(error.args) == 1 else None
    return first if isinstance(first, Sentence) else str(error)


def sentences(value: Filling) -> Iterator[Sentence]:
    """A sentence and every one inside it, the outermost first; none of other text."""
    if isinstance(value, Sentence):
        yield value
        for part in value.params.values():
            yield from sentences(part)
    elif not isinstance(value, str | int | float):
        for part in value:
            yield from sentences(part)


def rebuilt(text: str, change: Callable[[Sentence], str]) -> str:
    """`text` with `change` applied to each sentence in it, the innermost first."""
    if not isinstance(text, Sentence):
        return text
    parts = {name: _rebuilt(part, change) for name, part in text.params.items()}
    return change(_made(text.template, parts))


def mapped(text: str, change: Callable[[str], str]) -> str:
    """`change` applied to words: to those in the gaps of a message, to the whole of any other text."""
    return text.mapped(change) if isinstance(text, Sentence) else change(text)


def cut(text: str, most: int) -> str:
    """At most `most` characters of `text`; a message keeps its template as long as that fits."""
    if not isinstance(text, Sentence):
        return text[:most]
    small = _fitting(text, most, len)
    return text[:most] if small is None else small


def stored(value: Any, most: int = LONGEST) -> Any:
    """`value` as text or JSON that is kept: each message in it as its template and parameters, `most` characters."""
    if isinstance(value, Sentence):
        small = _fitting(value, most, lambda message: len(_written(message)))
        return str(value)[:most] if small is None else _written(small)
    if isinstance(value, str):
        return MARK + json.dumps(value, ensure_ascii=False) if value.startswith(MARK) else value
    if isinstance(value, Mapping):
        return {key: stored(item, most) for key, item in value.items()}
    return [stored(item, most) for item in value] if isinstance(value, list | tuple) else value


def counting(sentence: Sentence) -> Callable[[int], str]:
    """What `stored` makes of `sentence` for a number in its gap `count`, made beforehand but for the number."""
    before, after = _written(sentence.given(count=_NUMBER)).split(str(_NUMBER))
    return lambda count: f"{before}{count}{after}"


def restored(value: Any) -> Any:
    """What `stored` made a text or JSON of; any other text, such as an older sentence, stays as it is."""
    if isinstance(value, str):
        return _read(value) if value.startswith(MARK) else value
    if isinstance(value, dict):
        return {key: restored(item) for key, item in value.items()}
    return [restored(item) for item in value] if isinstance(value, list) else value


def _plain(value: object) -> Filling:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, BaseException):
        return message_of(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else str(value)


def _made(template: str, params: Mapping[str, object]) -> Sentence:
    return Sentence(template, **params)


def _changed(value: Filling, change: Callable[[str], str]) -> Filling:
    if isinstance(value, str):
        return mapped(value, change)
    return value if isinstance(value, int | float) else [_changed(item, change) for item in value]


def _rebuilt(value: Filling, change: Callable[[Sentence], str]) -> Filling:
    if isinstance(value, str):
        return rebuilt(value, change)
    return value if isinstance(value, int | float) else [_rebuilt(part, change) for part in value]


def _fitting(message: Sentence, most: int, length: Callable[[Sentence], int]) -> Sentence | None:
    """`message` with its longest words shortened until its `length` is at most `most`; None if that cannot be."""
    longest = max(map(len, _words(message)), default=0)
    while length(message) > most:
        longest = longest * 3 // 4
        if longest <= len(CUT):
            return None
        message = message.mapped(partial(_shortened, most=longest))
    return message


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def _words(value: Filling) -> list[str]:
    if isinstance(value, Sentence):
        return [word for part in value.params.values() for word in _words(part)]
    if isinstance(value, str):
        return [value]
    return [] if isinstance(value, int | float) else [word for part in value for word in _words(part)]


def _written(message: Sentence) -> str:
    return MARK + json.dumps(_packed(message), ensure_ascii=False, separators=(",", ":"))


def _packed(value: Filling) -> Any:
    if isinstance(value, Sentence):
        return {"t": value.template, "p": {name: _packed(part) for name, part in value.params.items()}}
    return value if isinstance(value, str | int | float) else [_packed(part) for part in value]


def _read(text: str) -> str:
    try:
        found = _unpacked(json.loads(text[1:]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text[1:]
    return found if isinstance(found, str) else text[1:]


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        return _made(str(value["t"]), {name: _unpacked(part) for name, part in value["p"].items()})
    return [_unpacked(part) for part in value] if isinstance(value, list) else value
