"""Static files under names that carry their content's hash, imports between our ES modules included."""

import re
from typing import IO, Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.base import ContentFile

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


def tight(sheet: str) -> str:
    """A style sheet without comments and needless spaces."""
    bare = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL))
    return re.sub(r";}", "}", re.sub(r" ?([{};,]) ?", r"\1", re.sub(r": ", ":", bare))).strip()
