"""Keeps secrets out of logs: one filter at the sink."""

import logging
import re

_SECRET = re.compile(
    r"(?i)(\bpb-[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{8,}|(\b(?:sk|hf|xai|gsk)[-_][A-Za-z0-9]{2})[A-Za-z0-9_-]{6,}"
    r"|((?<![A-Za-z0-9])(?:bearer|authorization|x-api-key|api[-_]key|password|(?<!per_)token)\b[\"']?\s*[:= ]\s*[\"']?"
    r"(?:(?:bearer|basic|digest|token|api-?key)\s+)?)"
    r"[^\s\"',;&]{6,}"
)


def redact(text: str) -> str:
    """`text` with everything that looks like a key, token or password replaced by its start and ***."""
    return _SECRET.sub(lambda found: next(group for group in found.groups() if group is not None) + "***", text)


class RedactSecrets(logging.Filter):
    """Rewrites each record, its traceback included, before it is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always let the record pass, redacted."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True
