"""Columns that keep messages as data: text and JSON in the database, sentences in Python. Older text stays as it is."""

from typing import Any

from django.db import models
from django.db.models.expressions import Expression

from controlplane.base.messages import LONGEST, restored, stored


class _KeepsSentences:
    """What the columns have in common. A migration sees the plain column: nothing in the database is another."""

    max_length: int | None

    def deconstruct(self) -> Any:
        """As the field of Django that it is in the database."""
        name, _, args, kwargs = super().deconstruct()  # type: ignore[misc]
        plain = next(base for base in type(self).__mro__ if base.__module__.startswith("django."))
        return name, f"django.db.models.{plain.__name__}", args, kwargs

    def from_db_value(self, value: Any, expression: Expression, connection: Any) -> Any:
        """A sentence where one was stored."""
        above: Any = super()
        read = above.from_db_value(value, expression, connection) if hasattr(above, "from_db_value") else value
        return restored(read)

    def get_prep_value(self, value: Any) -> Any:
        """Each sentence as its template and parameters, in as many characters as the column has."""
        above: Any = super()
        return above.get_prep_value(stored(value, self.max_length or LONGEST))


class SentenceTextField(_KeepsSentences, models.TextField):  # type: ignore[type-arg]
    """Text that may be a sentence."""


class SentenceCharField(_KeepsSentences, models.CharField):  # type: ignore[type-arg]
    """Text of limited length that may be a sentence."""


class SentenceJSONField(_KeepsSentences, models.JSONField):
    """JSON that may hold sentences."""
