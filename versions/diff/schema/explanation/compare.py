"""Two bare JSON Schemas, for one direction or both."""

from typing import Any

from versions.diff.findings import DiffFinding, Direction
from versions.diff.policy import DiffPolicy
from versions.diff.schema.explanation.explain import Explainer
from versions.diff.schema.explanation.weigh import findings
from versions.diff.schema.facets.place import SchemaPlace
from versions.diff.schema.reading.dialect import Dialect, dialect_of
from versions.diff.schema.reading.reader import SchemaReader
from versions.diff.unreadable import issue_findings
from versions.diff.values import same


def compare_schemas(
    old: Any,
    new: Any,
    directions: tuple[Direction, ...],
    policy: DiffPolicy,
    dialects: tuple[Dialect, Dialect] | None = None,
) -> list[DiffFinding]:
    """The differences of two schema documents."""
    before, after = dialects or (dialect_of(old), dialect_of(new))
    result: list[DiffFinding] = []
    for direction in directions:
        exact = policy.exact_one_of is not False
        readers = SchemaReader(old, before, direction, exact), SchemaReader(new, after, direction, exact)
        explainer = Explainer(direction, policy)
        place = SchemaPlace(readers[0].schema(old, ""), readers[1].schema(new, ""), "")
        explainer.where.old, explainer.where.new = readers[0].where, readers[1].where
        if not same(old, new):
            explainer.compare(place)
        result += findings(explainer)
        result += issue_findings(readers[0].issues, readers[1].issues, direction, "")
    return result
