"""What two manifests say about a model's files: weights, tokenizer and templates that are others, as findings."""

import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from versions.diff.findings import Direction, fingerprint
from versions.diff.rules import fact
from versions.models import Manifest, Scan
from versions.scan import is_kept

WEIGHTS = (
    ".safetensors", ".gguf", ".ggml", ".bin", ".pt", ".pth", ".onnx", ".ckpt", ".h5", ".npz", ".tflite", ".engine",
    ".plan", ".msgpack", ".pkl", ".mlmodel",
)  # fmt: skip
TOKENIZER = (
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja", "chat_template.json", "template", "system",
)  # fmt: skip
DESCRIBING = (".json", ".yaml", ".yml", ".proto")
TOO_LARGE = "its text is larger than what is read, or lies in an archive"
MOST_NAMED = 5
RULES = {"snapshot-changed": "weights", "tokenizer-changed": "tokenizer"}


def file_findings(old: Manifest | None, new: Manifest | None, told: Collection[str] = ()) -> list[dict[str, Any]]:
    """One finding for weights that changed, one for tokenizer files that were not `told` of, and one for each
    description that was never small enough to be read.
    """
    if old is None or new is None or old.digest == new.digest:
        return []
    before, after = dict(lines(old)), dict(lines(new))
    moved = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    groups = {
        "snapshot-changed": [path for path in moved if path.lower().endswith(WEIGHTS)],
        "tokenizer-changed": [path for path in moved if PurePosixPath(path).name in TOKENIZER and path not in told],
    }
    found = []
    for key, paths in groups.items():
        if paths:
            change = (_digests(before, paths), _digests(after, paths))
            found.append(fact(key, Direction.REQUEST, "model", _named(paths), change).data() | {"source": "files"})
    unread = [path for path in moved if path in after and _is_unread(path, old, new)]
    told_of = [fact("unreadable", Direction.REQUEST, "model", path, (after[path][:12], TOO_LARGE)) for path in unread]
    return [*found, *(one.data() | {"source": "files"} for one in told_of)]


def _is_unread(path: str, old: Manifest, new: Manifest) -> bool:
    """Whether a file is named like a description, and neither manifest has its text."""
    named = is_kept(path) and path.endswith(DESCRIBING) and PurePosixPath(path).name not in TOKENIZER
    return named and path not in old.contents and path not in new.contents


def lines(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Each file's path and SHA-256."""
    for line in zlib.decompress(bytes(manifest.files)).decode().splitlines():
        sha256, _size, path = line.split(" ", 2)
        yield path, sha256


def scan_findings(scans: Iterable[Scan], decided: Collection[str]) -> list[dict[str, Any]]:
    """What scans themselves found, in the shape of a report's findings; what was `decided` before is left out."""
    found = {}
    for scan in scans:
        for item in scan.findings:
            if isinstance(item, dict):
                shaped = _shaped(item)
                found[shaped["fingerprint"]] = shaped
    return [item for mark, item in found.items() if mark not in decided]


def _shaped(item: dict[str, Any]) -> dict[str, Any]:
    severity = item.get("severity")
    kept = severity if severity in ("compatible", "review", "breaking") else "review"
    mark = item.get("fingerprint") or fingerprint("file", item.get("key"), item.get("path"))
    return {
        "direction": "request", "use": "model", "path": "", **item, "severity": kept, "source": "scan",
        "fingerprint": str(mark),
    }  # fmt: skip


def _named(paths: list[str]) -> str:
    return ", ".join(paths[:MOST_NAMED]) + (f" (+{len(paths) - MOST_NAMED})" if len(paths) > MOST_NAMED else "")


def _digests(held: dict[str, str], paths: list[str]) -> str | None:
    return ", ".join(held[path][:12] for path in paths[:MOST_NAMED] if path in held) or None
