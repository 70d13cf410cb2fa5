"""Token counts in upstream answers, and OpenAI's usage object made of them: whole numbers, never null.

If an upstream tells one of two counts, the other is estimated from the text and named in `estimated`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from registry.canon import CallContext, Usage, plain
from registry.protocols.document import UsagePaths

BYTES_A_TOKEN = 4
MOST = 2**31
SILENT_KEYS = frozenset(("role", "type", "id", "tool_call_id", "url"))
"""Keys whose values are no text of a prompt."""

Paths = Sequence[str | tuple[str, ...]]


def first(data: Any, paths: Sequence[str]) -> Any:
    """The first value found at one of the dotted `paths`; None if none is. Digits index lists."""
    for path in paths:
        found = _at(data, path)
        if found is not None:
            return found
    return None


def _at(found: Any, path: str) -> Any:
    for part in _parts(path):
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and len(part) < 6 and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


@lru_cache(4096)
def _parts(path: str) -> tuple[str, ...]:
    """The parts of a path, which a protocol's document names: there are few, asked for in every answer."""
    return tuple(path.split("."))


def counts(data: Any, paths: Paths) -> dict[int, int]:
    """The whole numbers at `paths`, each by its place among them; a tuple of paths is one place."""
    found = ((place, first(data, (path,) if isinstance(path, str) else path)) for place, path in enumerate(paths))
    return {place: int(value) for place, value in found if is_count(value)}


def is_count(value: Any) -> bool:
    """Whether a value counts tokens; some servers write whole numbers as 12.0."""
    if value.__class__ is int:
        return 0 <= value < MOST
    return isinstance(value, float) and 0 <= value < MOST and value == int(value)


def usage_of(data: Any, paths: UsagePaths) -> Usage | None:
    """Token counts of an answer or a stream's message; None if it has none."""
    prompt, completion = _sum(data, paths.prompt), _sum(data, paths.completion)
    return None if prompt is None and completion is None else Usage(prompt, completion)


def _sum(data: Any, paths: Paths) -> int | None:
    total: int | None = None
    for path in paths:
        value = _at(data, path) if isinstance(path, str) else first(data, path)
        if value is not None and is_count(value):
            total = int(value) + (total or 0)
    return total


class Counted:
    """Token counts of a stream so far. What a later message leaves out, or tells as 0, keeps its earlier value."""

    __slots__ = ("completion", "paths", "prompt")

    def __init__(self, paths: UsagePaths) -> None:
        self.paths = paths
        self.prompt: dict[int, int] = {}
        self.completion: dict[int, int] = {}

    def learn(self, data: Any) -> None:
        """Take the counts of one message."""
        for known, paths in ((self.prompt, self.paths.prompt), (self.completion, self.paths.completion)):
            for place, value in counts(data, paths).items():
                known[place] = value or known.get(place, 0)

    def usage(self) -> Usage | None:
        """The sums; None if nothing was told."""
        if not self.prompt and not self.completion:
            return None
        prompt, completion = (sum(known.values()) if known else None for known in (self.prompt, self.completion))
        return Usage(prompt, completion)


def usage_body(usage: Usage | None, context: CallContext, written: int | None) -> dict[str, Any] | None:
    """OpenAI's usage object; None if the upstream told nothing.

    `written` is the answer's estimated number of tokens; None if an answer has none, such as vectors.
    """
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    guessed = ["prompt_tokens"] if prompt is None else []
    prompt = tokens_asked(context) if prompt is None else prompt
    if completion is None and written is not None:
        completion = written
        guessed.append("completion_tokens")
    told: dict[str, Any] = {"prompt_tokens": prompt}
    if completion is not None:
        told["completion_tokens"] = completion
    told["total_tokens"] = prompt + (completion or 0)
    return {**told, "estimated": guessed} if guessed else told


def tokens_asked(context: CallContext) -> int:
    """About how many tokens a call's content has, at least one."""
    return tokens_in(plain(context.asked)) or 1


def tokens_in(content: Any) -> int:
    """About how many tokens the text in `content` has: one for four bytes."""
    size, waiting = 0, [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value.encode(errors="replace"))
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += [inner for key, inner in value.items() if key not in SILENT_KEYS]
    return -(-size // BYTES_A_TOKEN)
