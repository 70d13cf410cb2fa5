"""Two bare JSON Schemas, for one direction or both."""

from typing import Any

from versions.diff.findings import Direction, Finding
from versions.diff.policy import Policy
from versions.diff.schema.explanation.explain import Explainer
from versions.diff.schema.explanation.weigh import findings
from versions.diff.schema.facets.place import Place
from versions.diff.schema.reading.dialect import Dialect, dialect_of
from versions.diff.schema.reading.reader import Reader
from versions.diff.unreadable import issue_findings
from versions.diff.values import same


def compare_schemas(
    old: Any,
    new: Any,
    directions: tuple[Direction, ...],
    policy: Policy,
    dialects: tuple[Dialect, Dialect] | None = None,
) -> list[Finding]:
    """The differences of two schema documents."""
    before, after = dialects or (dialect_of(old), dialect_of(new))
    result: list[Finding] = []
    for direction in directions:
        readers = Reader(old, before, direction), Reader(new, after, direction)
        explainer = Explainer(direction, policy, policy.exact_one_of is not False)
        place = Place(readers[0].schema(old, ""), readers[1].schema(new, ""), "")
        explainer.old_where, explainer.new_where = readers[0].where, readers[1].where
        if not same(old, new):
            explainer.compare(place)
        result += findings(explainer)
        result += issue_findings(readers[0].issues, readers[1].issues, direction, "")
    return result
