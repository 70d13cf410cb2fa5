"""Why a source could not be read. Each message is a Sentence that names the place and what to do."""


class SourceError(Exception):
    """A source that could not be read. What is known of it stays as it is: a failure is never a removal."""


class SourceGone(SourceError):
    """The repository, revision or file is not there, or may not be seen."""


class SourceUnreachable(SourceError):
    """The upstream did not answer, or not as it should; it may next time."""


class SourceRefused(SourceError):
    """What came is not acceptable, and would not be the next time either."""


class SourceMoved(SourceError):
    """The source changed while it was read."""


class SourceLimited(SourceError):
    """The upstream limits how often it is asked. `seconds` is how long it asks us to wait."""

    def __init__(self, message: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)
