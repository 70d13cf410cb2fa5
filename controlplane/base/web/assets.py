"""Static files under names that carry their content's hash, imports between our ES modules included; and Plotly's."""

import gzip
import re
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.contrib.staticfiles.utils import matches_patterns
from django.core.checks import CheckMessage
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

WORTH_PACKING = 8 * 1024
_IMPORTS = (
    (
        r"""(?P<matched>import(?P<import>[\s\{][^;]*?)\s*from\s*["'](?P<url>[./].*?)["']\s*;)""",
        """import%(import)s from "%(url)s";""",
    ),
)


class HashedModules(ManifestStaticFilesStorage):
    """Rewrites `import … from "./x.js"` in static/js too, so that a cached module never meets a newer one."""

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = ("js/*.js", _IMPORTS)

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        """Keep a file; style sheets are made tight on the way."""
        if name is not None and name.endswith(".css"):
            content = ContentFile(tight(content.read().decode()).encode())
        return super().save(name, content, max_length)

    def post_process(self, *args: Any, **options: Any) -> Iterator[tuple[str, Any, Any]]:
        """Name files by their content; beside large ones lay what WhiteNoise sends to browsers that take gzip."""
        for name, hashed, outcome in super().post_process(*args, **options):
            if isinstance(hashed, str) and hashed.endswith((".js", ".css")):
                pack(Path(self.path(hashed)))
            yield name, hashed, outcome


class Charts(BaseFinder):
    """Finds `plotly/plotly.min.js` (MIT) inside the installed plotly package: its 5 MB stay out of git."""

    prefix, name = "plotly", "plotly.min.js"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        found = find_spec("plotly")
        folder = Path(found.origin).parent / "package_data" if found is not None and found.origin else None
        self.storage = FileSystemStorage(location=folder) if folder is not None else None
        if self.storage is not None:
            vars(self.storage)["prefix"] = self.prefix

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Nothing is configured, so nothing can be wrong."""
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Where the file lies on disk."""
        wanted = self.storage is not None and path == f"{self.prefix}/{self.name}"
        place = self.storage.path(self.name) if wanted and self.storage is not None else None
        return [place] if find_all and place else place or []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        """The one file."""
        ignored = matches_patterns(f"{self.prefix}/{self.name}", list(ignore_patterns or ()))
        if self.storage is not None and not ignored:
            yield self.name, self.storage


def pack(path: Path) -> None:
    """Write `path`.gz if that pays; the same bytes every time."""
    plain = path.read_bytes()
    if len(plain) >= WORTH_PACKING:
        Path(f"{path}.gz").write_bytes(gzip.compress(plain, 6, mtime=0))


def tight(sheet: str) -> str:
    """A style sheet without needless spaces and comments, but for those that begin with /*! (licences)."""
    bare = re.sub(r"\s+", " ", re.sub(r"/\*(?!!).*?\*/", "", sheet, flags=re.DOTALL))
    return re.sub(r";}", "}", re.sub(r" ?([{};,]) ?", r"\1", re.sub(r": ", ":", bare))).strip()
