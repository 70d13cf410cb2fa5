"""JSON lines in, JSON lines out: the classifier as a filter. A bad line becomes an error line and nothing stops."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from versions.diff.classify import UnknownKind, classify
from versions.diff.policy import DiffPolicy


def answers(lines: Iterable[str], policy: DiffPolicy) -> Iterator[str]:
    """One JSON line for each line that is not empty: a verdict with findings, or an error."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield json.dumps(answer(line, number, policy), ensure_ascii=False)


def answer(line: str, number: int, policy: DiffPolicy) -> dict[str, Any]:
    """The answer to one line: {id, verdict, findings, adaptable, plan}, or {id, verdict: "review", error}."""
    identity: Any = None
    try:
        case = json.loads(line)
        if not isinstance(case, dict):
            return _error(
                None, number, f"expected an object with id, kind, direction, old and new; found {type(case).__name__}"
            )
        identity = case.get("id")
        missing = [name for name in ("old", "new") if name not in case]
        if missing:
            return _error(identity, number, f"{missing[0]} is missing")
        report = classify(
            case["old"], case["new"], str(case.get("kind") or ""), str(case.get("direction") or "both"), policy
        )
    except (ValueError, UnknownKind) as error:
        return _error(identity, number, str(error))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
        return _error(identity, number, f"the classifier failed on this pair: {type(error).__name__}: {error}")
    return {"id": identity, **report.data()}


def _error(identity: Any, number: int, message: str) -> dict[str, Any]:
    """What could not be judged goes to a person."""
    return {"id": identity, "verdict": "review", "findings": [], "error": f"line {number}: {message}"}
