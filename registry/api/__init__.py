"""The registry's REST API: models, imports, callers, credentials, upstreams."""
