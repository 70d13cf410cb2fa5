"""What a verb raises instead of doing its work. Every door turns these into its own kind of answer."""

from typing import Any


class Refused(Exception):
    """A verb that was not done. `code` is stable and never translated; `detail` is JSON for programs."""

    def __init__(self, code: str, message: str, detail: Any = None) -> None:
        self.code, self.message, self.detail = code, message, detail
        super().__init__(message)


class Invalid(Refused):
    """The input is wrong: the message names the value, what was expected and what to do."""


class Missing(Refused):
    """The named thing does not exist, or the actor may not know that it does."""


class Conflict(Refused):
    """The thing is in another state than the caller believed."""


class Stale(Refused):
    """The caller edited an older version than the current one."""


class TryLater(Exception):
    """There is too much to do at this moment. `seconds` says when to ask again; nothing was changed."""

    def __init__(self, message: str, seconds: int) -> None:
        self.message, self.seconds = message, seconds
        super().__init__(message)
