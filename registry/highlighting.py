"""Python source as coloured pieces, by the standard tokenizer; the page only has to print them."""

import builtins
import io
import keyword
import tokenize
from collections.abc import Iterator

NAMES = frozenset(dir(builtins))
_BY_TOKEN = {
    tokenize.STRING: "c-s",
    tokenize.NUMBER: "c-n",
    tokenize.COMMENT: "c-c",
}


def pieces(source: str) -> list[tuple[str, str]]:
    """(class, text) pairs that joined give `source` again; the class is "" for plain text."""
    try:
        return _merged(_coloured(source))
    except (tokenize.TokenError, SyntaxError):
        return [("", source)]


def _coloured(source: str) -> Iterator[tuple[str, str]]:
    lines = list(io.StringIO(source))
    row, column, before = 1, 0, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER):
            continue
        yield "", _between(lines, (row, column), token.start)
        yield _class_of(token, before), token.string
        row, column = token.end
        before = token.string
    yield "", _between(lines, (row, column), (len(lines) + 1, 0))


def _class_of(token: tokenize.TokenInfo, before: str) -> str:
    if token.type != tokenize.NAME:
        return _BY_TOKEN.get(token.type, "")
    if keyword.iskeyword(token.string):
        return "c-k"
    if before in ("def", "class"):
        return "c-d"
    return "c-b" if token.string in NAMES else ""


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] > len(lines):
        return ""
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    last = lines[end[0] - 1][: end[1]] if end[0] <= len(lines) else ""
    return lines[start[0] - 1][start[1] :] + "".join(lines[start[0] : end[0] - 1]) + last


def _merged(parts: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, text in parts:
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1] + text)
        elif text:
            found.append((name, text))
    return found
