"""Static files under names that carry their content's hash, imports between ES modules included."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class HashedModules(ManifestStaticFilesStorage):
    """Rewrites `import … from "./x.js"` too, so that a cached module never meets a newer one."""

    support_js_module_import_aggregation = True
