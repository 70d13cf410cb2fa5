"""What two manifests say beside each other: tampering, a new owner, code, and small files that steer a model."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from controlplane.base.messages import Sentence
from versions.evidence.finding import BREAKING, REVIEW, FileFinding
from versions.scan import ManifestLine

MOST_FINDINGS = 200
TEMPLATES = ("chat_template.jinja", "chat_template.json", "template")
TOKENIZERS = (
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "vocab.txt", "merges.txt", "spiece.model", "tekken.json"),
)


@dataclass(frozen=True, slots=True)
class SeenManifest:
    """A manifest as evidence: the revision, the repository owner's id, every file by path, and the kept texts."""

    revision: str
    owner_id: str
    files: Mapping[str, ManifestLine]
    texts: Mapping[str, str]


def findings(old: SeenManifest | None, new: SeenManifest) -> list[FileFinding]:
    """What a person should know of `new`, beside `old` if there was one. At most 200, the worst first."""
    found = [*_code(old, new)]
    if old is not None:
        found += [
            *_tampered(old, new),
            *_owner(old, new),
            *_impossible(old, new),
            *_steering(old, new),
            *_moved_code(old, new),
        ]
    found.sort(key=lambda one: (one.severity != BREAKING, one.rule, one.path))
    return found[:MOST_FINDINGS]


def _tampered(old: SeenManifest, new: SeenManifest) -> Iterator[FileFinding]:
    if old.revision != new.revision:
        return
    for path in sorted(old.files.keys() | new.files.keys()):
        if old.files.get(path) != new.files.get(path):
            yield FileFinding(
                "file.tampered",
                BREAKING,
                path,
                Sentence(
                    "{path} changed although the revision {revision} did not: somebody tampered with it, or the disk"
                    " did",
                    path=path,
                    revision=new.revision[:12],
                ),
            )


def _owner(old: SeenManifest, new: SeenManifest) -> Iterator[FileFinding]:
    if old.owner_id and new.owner_id and old.owner_id != new.owner_id:
        yield FileFinding(
            "source.owner_changed",
            BREAKING,
            "",
            Sentence(
                "the repository belongs to somebody else now: {new} instead of {old}. An abandoned name can be"
                " registered again by anybody",
                new=new.owner_id,
                old=old.owner_id,
            ),
        )


def _impossible(old: SeenManifest, new: SeenManifest) -> Iterator[FileFinding]:
    """Equal hashes of unequal sizes: one of them is not true."""
    sizes = {line.sha256: line.size for line in old.files.values()}
    for line in new.files.values():
        known = sizes.setdefault(line.sha256, line.size)
        if known != line.size:
            yield FileFinding(
                "file.size_of_equal_hash",
                BREAKING,
                line.path,
                Sentence(
                    "{path} has a SHA-256 that was seen with {known} bytes, and now with {size}: the upstream lists"
                    " something that cannot be",
                    path=line.path,
                    known=known,
                    size=line.size,
                ),
            )


def _steering(old: SeenManifest, new: SeenManifest) -> Iterator[FileFinding]:
    """Templates and tokenizers: weights stay, and every prompt is read otherwise."""
    for path in sorted(old.files.keys() & new.files.keys()):
        name = PurePosixPath(path).name
        if old.files[path].sha256 == new.files[path].sha256:
            continue
        template = _inner(old, path, "chat_template") != _inner(new, path, "chat_template")
        if name in TEMPLATES or (name in TOKENIZERS and template):
            yield _template(path)
        elif name in TOKENIZERS:
            yield FileFinding(
                "tokenizer.changed",
                REVIEW,
                path,
                Sentence("{path} changed: texts are cut into other tokens, and counts of tokens move", path=path),
            )


def _template(path: str) -> FileFinding:
    return FileFinding(
        "chat_template.changed",
        REVIEW,
        path,
        Sentence("the chat template in {path} changed: the model sees other prompts for equal calls", path=path),
    )


def _code(old: SeenManifest | None, new: SeenManifest) -> Iterator[FileFinding]:
    """`auto_map` lets a loader run code of the repository, or of another one."""
    for path in sorted(new.texts):
        if PurePosixPath(path).suffix != ".json":
            continue
        now, before = _inner(new, path, "auto_map"), _inner(old, path, "auto_map") if old else None
        if now and now != before:
            told = sorted({str(one) for one in now.values()})[:5] if isinstance(now, dict) else [str(now)[:100]]
            yield FileFinding(
                "code.auto_map",
                BREAKING if old else REVIEW,
                path,
                Sentence(
                    "{path} names code that a loader runs if it trusts remote code: {names}",
                    path=path,
                    names=", ".join(told)[:300],
                ),
            )


def _moved_code(old: SeenManifest, new: SeenManifest) -> Iterator[FileFinding]:
    """Python files of a model whose configuration names code: loaders run them, whether or not `auto_map` moved."""
    if not any(_inner(new, path, "auto_map") for path in new.texts):
        return
    for path, line in sorted(new.files.items()):
        if path.endswith(".py") and (path not in old.files or old.files[path].sha256 != line.sha256):
            words = Sentence("{path} changed: code that a loader runs if it trusts remote code", path=path)
            yield FileFinding("code.changed", BREAKING, path, words)


def _inner(seen: SeenManifest, path: str, key: str) -> Any:
    try:
        document = json.loads(seen.texts.get(path, "null"))
    except (ValueError, RecursionError):
        return None
    return document.get(key) if isinstance(document, dict) else None
