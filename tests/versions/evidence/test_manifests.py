"""What two manifests say beside each other about the code that a model brings along."""

import hashlib
import json

from versions.evidence import manifests
from versions.evidence.manifests import SeenManifest
from versions.scan import ManifestLine

REMOTE = json.dumps({"auto_map": {"AutoModel": "modeling.Model"}})


def seen(config: str, **files: str) -> SeenManifest:
    texts = {"config.json": config}
    lines = {
        path: ManifestLine(path, len(text), hashlib.sha256(text.encode()).hexdigest())
        for path, text in {**texts, **{f"{name}.py": text for name, text in files.items()}}.items()
    }
    return SeenManifest(hashlib.sha256(repr(lines).encode()).hexdigest(), "", lines, texts)


def keys(old: SeenManifest, new: SeenManifest) -> list[tuple[str, str, str]]:
    return [(one.rule, one.severity, one.path) for one in manifests.findings(old, new)]


def test_remote_code_that_moves_under_the_same_name_is_found() -> None:
    """`auto_map` stays as it is, and the file that it names does something else now."""
    old = seen(REMOTE, modeling="a = 1", other="b")
    assert keys(old, seen(REMOTE, modeling="import os", other="b")) == [("code.changed", "breaking", "modeling.py")]
    assert keys(old, seen(REMOTE, modeling="a = 1", other="b", more="c")) == [("code.changed", "breaking", "more.py")]


def test_scripts_that_no_loader_runs_are_files_like_any() -> None:
    assert keys(seen("{}", convert="a"), seen("{}", convert="b")) == []
