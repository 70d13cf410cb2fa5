"""Why models fail, in words: the cause without names and numbers, and the cure that a reason asks for.

A reason is a sentence. Which cure it asks for is told by the sentences in it, never by an upstream's own words.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controlplane.base.messages import CUT, Filling, Sentence, mapped, rebuilt, sentences
from registry.transports.egress import NOT_ALLOWED

GAP = "…"
NAME, ALLOW, KEY = "name", "allow", "key"
OFFERED = 10

_MODEL = Sentence("Model {name}: {words}")
_OFFER = Sentence("{message} (asked for {asked}; it offers: {names}; set upstream_model to one of them)")
_OFFER_MORE = Sentence(
    "{message} (asked for {asked}; it offers: {names} and {more} more; set upstream_model to one of them)"
)
_KEY = Sentence("{message} (it answered {status}; store a key that it accepts under Credentials)")
_THE = ("The ", "the ")
_NAMED = (
    re.compile(r"(?<!\w)'[^'\n]{0,300}'(?!\w)|(?<!\w)\"[^\"\n]{0,300}\"(?!\w)|`[^`\n]{0,300}`|“[^”\n]{0,300}”"),
    re.compile(r"https?://[^\s,;|()<>]*[^\s,;|()<>.:]"),
    re.compile(r"[^\s|(]+ \([0-9A-Fa-f.:]+\):\d+"),
    re.compile(r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\](?::\d+)?"),
    re.compile(r"(?<![\w.-])[A-Za-z0-9][\w.-]*:\d{1,5}(?![\w:])"),
    re.compile(r"(?<![\w-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![\w-])"),
    re.compile(r"(?<![\w-])[A-Za-z]{1,12}[-_](?=[A-Za-z]*\d)[0-9A-Za-z]{8,}(?!\w)"),
    re.compile(r"(?<!\w)(?=[A-Fa-f]*\d)[0-9A-Fa-f]{8,}(?!\w)"),
)
_NUMBER = re.compile(r"(\b(?:Errno|status|answered|HTTP)\s+)?(?<![A-Za-z0-9])\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Cure:
    """What a reason says would help: NAME (one of `offered`), ALLOW (the egress entry `entry`), KEY, or nothing."""

    kind: str = ""
    offered: tuple[str, ...] = ()
    entry: str = ""


@dataclass(frozen=True)
class Failing:
    """Something that failed: a model, or a row of a file. `model_id` is that of a model which is unreachable now."""

    name: str
    reason: str
    model_id: int | None = None
    line: int | None = None

    @property
    def words(self) -> str:
        """The reason without the name that stands beside it."""
        return without_name(self.reason)


@dataclass(frozen=True)
class Group:
    """Everything that failed for one cause."""

    cause: str
    rows: tuple[Failing, ...]

    @property
    def key(self) -> str:
        """The cause in an address."""
        return hashlib.sha256(self.cause.encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def kind(self) -> str:
        """Which cure the cause has: NAME, ALLOW, KEY, or none."""
        return cure(self.rows[0].reason).kind

    @property
    def words(self) -> str:
        """The reason if there is one alone, else what all have in common."""
        return self.rows[0].words if len({row.words for row in self.rows}) == 1 else self.cause

    @property
    def ids(self) -> tuple[int, ...]:
        """The models that are unreachable now."""
        return tuple(row.model_id for row in self.rows if row.model_id is not None)

    @property
    def entries(self) -> tuple[str, ...]:
        """The egress entries that the reasons name, each once."""
        found = (cure(row.reason).entry for row in self.rows if row.model_id is not None)
        return tuple(dict.fromkeys(entry for entry in found if entry))


def of_model(name: str, words: str) -> str:
    """What went wrong with a model, its name in front."""
    return _MODEL.given(name=repr(name), words=_beginning(words, *_THE))


def model_in(words: str) -> str:
    """The model that `words` begin with, as they do: "Model 'x'"; empty if they begin with none."""
    if isinstance(words, Sentence) and words.template == _MODEL.template:
        return Sentence("Model {name}", name=words.params["name"])
    return ""


def after_model(words: str) -> str:
    """`words` without the model that they begin with."""
    if isinstance(words, Sentence) and words.template == _MODEL.template:
        return _text(words.params["words"])
    return words


def offering(message: str, asked: str, names: Sequence[str]) -> str:
    """`message`, and what an upstream offers instead of the name that it was asked for."""
    told = {"message": message, "asked": repr(asked), "names": list(names[:OFFERED])}
    return _OFFER_MORE.given(**told, more=len(names) - OFFERED) if len(names) > OFFERED else _OFFER.given(**told)


def asking_for_key(message: str, status: int) -> str:
    """`message`, and that an upstream refuses the key or the lack of one."""
    return _KEY.given(message=message, status=status)


def cure(reason: str) -> Cure:
    """What would help against `reason`, as far as the sentences in it say."""
    for part in sentences(reason):
        names = part.params.get("names", ())
        if part.template in (_OFFER.template, _OFFER_MORE.template) and not isinstance(names, str | int | float):
            return Cure(NAME, offered=tuple(str(name) for name in names if not str(name).endswith(CUT)))
        if part.template == NOT_ALLOWED.template:
            return Cure(ALLOW, entry=str(part.params["entry"]))
    return Cure(KEY) if any(part.template == _KEY.template for part in sentences(reason)) else Cure()


def without_name(reason: str) -> str:
    """`reason` without "Model 'x': " in front, also behind the address of a replica."""

    def bare(part: Sentence) -> str:
        return _beginning(_text(part.params["words"]), *reversed(_THE)) if part.template == _MODEL.template else part

    return rebuilt(reason, bare)


def cause(reason: str) -> str:
    """`reason` without what differs from model to model: quoted names, addresses, ids and numbers are gaps.

    A status and an error number stay: they are the cause.
    """
    return mapped(rebuilt(without_name(reason), _without_names), _without_what_differs)


def _without_names(part: Sentence) -> str:
    if part.template in (_OFFER.template, _OFFER_MORE.template):
        return _OFFER.given(message=part.params["message"], asked=GAP, names=GAP)
    return part


def _without_what_differs(text: str) -> str:
    for pattern in _NAMED:
        text = pattern.sub(GAP, text)
    return _NUMBER.sub(lambda found: found[0] if found[1] else GAP, text).strip()


def _text(value: Filling) -> str:
    return value if isinstance(value, str) else str(value)


def _beginning(words: str, old: str, new: str) -> str:
    """`words` with another first word, if it is `old`."""
    if isinstance(words, Sentence):
        begun = words.template.startswith(old)
        return Sentence(new + words.template.removeprefix(old), **words.params) if begun else words
    return new + words.removeprefix(old) if words.startswith(old) else words


def grouped(rows: Iterable[Failing]) -> list[Group]:
    """`rows` by their cause, the most frequent cause first."""
    found: dict[str, list[Failing]] = {}
    for row in rows:
        found.setdefault(cause(row.reason), []).append(row)
    groups = [Group(key, tuple(members)) for key, members in found.items()]
    return sorted(groups, key=lambda group: (-len(group.rows), group.cause))


def rows_of(groups: Iterable[Group], key: str) -> list[Failing]:
    """The rows of the group with `key`; without a key those of every group."""
    return [row for group in groups if key in ("", group.key) for row in group.rows]
