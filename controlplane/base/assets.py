"""Static files under names that carry their content's hash, imports between our ES modules included."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

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
