"""Why models fail, in words: the cause without names and numbers, and the cure that the words hold.

A reason is stored as it was said. What this module writes into one (`offer`, `asks_for_key`) it also finds again.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP = "…"
NAME, ALLOW, KEY = "name", "allow", "key"
OFFERED = 10

_MODEL = re.compile(r"(^|\| )((?:https?://\S+: )?)Model (?:'[^'\n]*'|\"[^\"\n]*\"): (the\b)?")
_OFFER = re.compile(r"\(asked for .*?; it offers: (.*?)( and [\d,]+ more)?; set upstream_model to one of them\)")
_ALLOW = re.compile(
    r"(?:^|\| )(?:https?://\S+: )?[^\s|]+(?: \([^\s|]+\))?:\d+ is refused: no allow entry covers it\."
    r" An admin can add it under Settings > Egress, for example (\S+)"
)
_KEY = re.compile(r"\(it answered (?:401|403); store a key that it accepts under Credentials\)")
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


def offer(asked: str, names: Sequence[str]) -> str:
    """What an upstream offers instead of the name that it was asked for, as the end of a sentence."""
    more = f" and {len(names) - OFFERED} more" if len(names) > OFFERED else ""
    shown = ", ".join(names[:OFFERED])
    return f" (asked for {asked!r}; it offers: {shown}{more}; set upstream_model to one of them)"


def asks_for_key(status: int) -> str:
    """That an upstream refuses the key or the lack of one, as the end of a sentence."""
    return f" (it answered {status}; store a key that it accepts under Credentials)"


def cure(reason: str) -> Cure:
    """What would help against `reason`, as far as its words say. They may be an upstream's: nothing here is proven."""
    if found := _OFFER.search(reason):
        return Cure(NAME, offered=tuple(found[1].split(", ")))
    if found := _ALLOW.search(without_name(reason)):
        return Cure(ALLOW, entry=found[1])
    return Cure(KEY) if _KEY.search(reason) else Cure()


def without_name(reason: str) -> str:
    """`reason` without "Model 'x': " in front, also behind the address of a replica."""
    return _MODEL.sub(lambda found: found[1] + found[2] + ("The" if found[3] else ""), reason)


def cause(reason: str) -> str:
    """`reason` without what differs from model to model: quoted names, addresses, ids and numbers are gaps.

    A status and an error number stay: they are the cause.
    """
    text = _OFFER.sub(f"(asked for {GAP}; it offers: {GAP}; set upstream_model to one of them)", without_name(reason))
    for pattern in _NAMED:
        text = pattern.sub(GAP, text)
    return _NUMBER.sub(lambda found: found[0] if found[1] else GAP, text).strip()


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
