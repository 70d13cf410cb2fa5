"""Reads the `params` and `constraints` of a spec."""

import re
from collections.abc import Mapping
from typing import Any

from controlplane.base.messages import Sentence
from registry.spec import Constraint, Parameter, UnitConversion
from registry.specfile.errors import Findings, Path, show, suggested
from registry.specfile.rules import (
    CONSTRAINT_KEYS,
    EXCLUSIVE,
    FOR_PEOPLE,
    MOST_OPTIONS,
    OUTSIDE,
    PARAMETER,
    PARAMETER_KEYS,
    PARAMETER_TYPES,
    RESERVED,
    UPSTREAM_NAME,
    FlagKind,
    NamedKind,
    RowsKind,
)
from registry.specfile.values import boolean, bounds, finite, known_keys, storable, text

PLAIN = {"float": (int, float), "int": (int,), "bool": (bool,), "string": (str,), "array": (list,), "object": (dict,)}


def parameters(value: Any, path: Path, findings: Findings, kind: NamedKind) -> tuple[Parameter, ...]:
    """The mapping of parameter names to their descriptions."""
    if not isinstance(value, dict) or len(value) > kind.most:
        findings.add(
            path, value, Sentence("a mapping of at most {most} parameters, each name: {type: ...}", most=kind.most)
        )
        return ()
    found = [parameter(str(name), body, (*path, str(name)), findings) for name, body in value.items()]
    return tuple(item for item in found if item is not None)


def parameter(name: str, body: Any, path: Path, findings: Findings) -> Parameter | None:
    """One parameter; None if it has no usable type."""
    before = len(findings)
    if not re.fullmatch(PARAMETER.pattern, name):
        findings.add(path, name, Sentence("a name of letters, digits, _ and -, at most {most}", most=PARAMETER.most))
    if name in RESERVED:
        findings.add(
            path,
            name,
            Sentence("another name"),
            Sentence("{name} is part of every call and cannot be a parameter", name=repr(name)),
        )
    if not isinstance(body, dict):
        findings.add(path, body, Sentence("a mapping such as {type: float, range: [0, 1]}"))
        return None
    known_keys(body, PARAMETER_KEYS, path, findings)
    kind = parameter_type(body, path, findings)
    if kind is None:
        return None
    low, high = parameter_range(body, kind, path, findings)
    options = parameter_options(body, kind, path, findings)
    values = parameter_values(body, kind, options, path, findings)
    if values and not options:
        options = tuple(given for given, _ in values)
    found = Parameter(
        name=name,
        type=kind,
        default=body.get("default"),
        has_default=body.get("default") is not None,
        required=boolean(body.get("required", False), (*path, "required"), findings, FlagKind()),
        low=low,
        high=high,
        options=options,
        values=values,
        upstream=upstream_name(body, name, path, findings),
        conversion=conversion(body, kind, (low, high), path, findings),
        outside=outside(body, path, findings),
        sent=boolean(body.get("sent", True), (*path, "sent"), findings, FlagKind()),
        description=text(body.get("description", ""), (*path, "description"), findings, FOR_PEOPLE),
    )
    return checked(found, path, findings) if len(findings) == before else None


def parameter_type(body: Mapping[str, Any], path: Path, findings: Findings) -> str | None:
    """The canonical type."""
    given = body.get("type")
    kind = PARAMETER_TYPES.get(given.strip().lower()) if isinstance(given, str) else None
    if kind is None:
        expected = Sentence("one of float, int, bool, string, array, object")
        where = (*path, "type") if "type" in body else path
        message = (
            Sentence("type is {given}; expected {expected}.", given=show(given), expected=expected)
            if "type" in body
            else Sentence("type is missing; expected {expected}.", expected=expected)
        )
        findings.add(where, given, expected, suggested(message, given, list(PARAMETER_TYPES)))
    return kind


def parameter_range(
    body: Mapping[str, Any], kind: str, path: Path, findings: Findings
) -> tuple[float | None, float | None]:
    """`range` of a numeric parameter."""
    if "range" not in body:
        return None, None
    if kind not in ("float", "int"):
        findings.add(
            (*path, "range"),
            body["range"],
            Sentence("no range"),
            Sentence("range is for float and int, not for {kind}", kind=kind),
        )
        return None, None
    return bounds(body["range"], (*path, "range"), findings)


def fits(value: Any, kind: str) -> bool:
    """Whether `value` is of the type `kind`."""
    if isinstance(value, bool) != (kind == "bool"):
        return False
    return isinstance(value, PLAIN[kind]) and storable(value)


def parameter_options(body: Mapping[str, Any], kind: str, path: Path, findings: Findings) -> tuple[Any, ...]:
    """`options`: the allowed values."""
    if "options" not in body:
        return ()
    given, where = body["options"], (*path, "options")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_OPTIONS or kind in ("array", "object"):
        findings.add(
            where,
            given,
            Sentence(
                "a list of 1 to {most} values of a float, int, bool or string (this one is {kind})",
                most=MOST_OPTIONS,
                kind=kind,
            ),
        )
        return ()
    kept: list[Any] = []
    for index, item in enumerate(given):
        if not fits(item, kind):
            findings.add((*where, index), item, Sentence("a value of type {kind}", kind=kind))
        elif item in kept:
            findings.add((*where, index), item, Sentence("each option once"))
        else:
            kept.append(normal(item, kind))
    return tuple(kept)


def parameter_values(
    body: Mapping[str, Any], kind: str, options: tuple[Any, ...], path: Path, findings: Findings
) -> tuple[tuple[Any, Any], ...]:
    """`values`: what each option is called at the upstream."""
    if "values" not in body:
        return ()
    given, where = body["values"], (*path, "values")
    if not isinstance(given, dict) or not 0 < len(given) <= MOST_OPTIONS or kind in ("array", "object"):
        findings.add(where, given, Sentence("a mapping from the caller's value to the upstream's"))
        return ()
    kept: list[tuple[Any, Any]] = []
    for key, target in given.items():
        source = typed_key(str(key), kind)
        if source is None or (options and source not in options):
            findings.add((*where, str(key)), key, Sentence("one of the options, of type {kind}", kind=kind))
        elif isinstance(target, dict | list) or target is None or not storable(target):
            findings.add((*where, str(key)), target, Sentence("text, a number, true or false"))
        else:
            kept.append((source, target))
    return tuple(kept)


def typed_key(key: str, kind: str) -> Any:
    """A mapping key, which is always text, as a value of type `kind`; None if it is none."""
    if kind == "string":
        return key
    if kind == "bool":
        return {"true": True, "false": False}.get(key.lower())
    if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", key):
        return None
    number = float(key)
    return number if kind == "float" else int(number) if number.is_integer() else None


def upstream_name(body: Mapping[str, Any], name: str, path: Path, findings: Findings) -> str | None:
    """`upstream`: the upstream's name, a dotted path if it is nested."""
    given = body.get("upstream")
    if given is None or given == name:
        return None
    if not isinstance(given, str) or not re.fullmatch(UPSTREAM_NAME, given) or given in RESERVED:
        findings.add(
            (*path, "upstream"),
            given,
            Sentence("the upstream's name, such as top_k or options.top_k, not {reserved}", reserved=RESERVED),
        )
        return None
    return given


def conversion(
    body: Mapping[str, Any], kind: str, limits: tuple[float | None, float | None], path: Path, findings: Findings
) -> UnitConversion | None:
    """`convert: {range: [low, high]}`: the upstream's range, onto which the caller's is stretched."""
    if "convert" not in body:
        return None
    given, where = body["convert"], (*path, "convert")
    if not isinstance(given, dict) or set(given) != {"range"}:
        findings.add(where, given, Sentence("{range: [low, high]}, the upstream's range"))
        return None
    target, source = given["range"], limits
    numbers = [finite(item) for item in target] if isinstance(target, list) else []
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None or numbers[0] == numbers[1]:
        findings.add((*where, "range"), target, Sentence("two different numbers"))
        return None
    if kind not in ("float", "int") or source[0] is None or source[1] is None or source[0] == source[1]:
        findings.add(
            where,
            given,
            Sentence("a numeric parameter with a range of its own"),
            Sentence("convert needs `range: [low, high]` beside it"),
        )
        return None
    return UnitConversion(numbers[0], numbers[1])


def outside(body: Mapping[str, Any], path: Path, findings: Findings) -> str:
    """`outside`: refuse or clamp."""
    given = body.get("outside", "refuse")
    if given not in OUTSIDE:
        message = Sentence("outside is {given}; expected refuse or clamp.", given=show(given))
        findings.add((*path, "outside"), given, Sentence("refuse or clamp"), suggested(message, given, OUTSIDE))
        return "refuse"
    return str(given)


def normal(value: Any, kind: str) -> Any:
    """`value` in its one written form: a float parameter's numbers are floats."""
    return float(value) if kind == "float" and not isinstance(value, bool) else value


def checked(found: Parameter, path: Path, findings: Findings) -> Parameter:
    """Check the default against type, range and options, and that a clamp has something to go to."""
    if found.values and {given for given, _ in found.values} != set(found.options):
        findings.add((*path, "values"), dict(found.values), Sentence("an entry for every option"))
    if found.outside == "clamp" and found.options and not found.has_default:
        findings.add(
            (*path, "outside"),
            "clamp",
            Sentence("a default to fall back to"),
            Sentence("clamp with options needs a default"),
        )
    if not found.has_default:
        return found
    where, value = (*path, "default"), found.default
    if not fits(value, found.type):
        findings.add(where, value, Sentence("a value of type {type}", type=found.type))
    elif found.options and value not in found.options:
        findings.add(where, value, Sentence("one of the options {options}", options=show(list(found.options))))
    elif (found.low is not None and value < found.low) or (found.high is not None and value > found.high):
        low, high = (f"{bound:g}" if bound is not None else "any" for bound in (found.low, found.high))
        findings.add(where, value, Sentence("a value within the range {low} to {high}", low=low, high=high))
    else:
        kept = normal(value, found.type)
        return found if kept is value else with_default(found, kept)
    return found


def with_default(found: Parameter, value: Any) -> Parameter:
    """`found` with its default in normal form."""
    return Parameter(**{name: getattr(found, name) for name in Parameter.__slots__} | {"default": value})


def constraints(value: Any, path: Path, findings: Findings, kind: RowsKind) -> tuple[Constraint, ...]:
    """The list of conditions over parameters."""
    if not isinstance(value, list) or len(value) > kind.most:
        findings.add(
            path,
            value,
            Sentence("a list of at most {most} constraints, such as {exclusive: [temperature, top_p]}", most=kind.most),
        )
        return ()
    found = [constraint(item, (*path, index), findings) for index, item in enumerate(value)]
    return tuple(item for item in found if item is not None)


def constraint(body: Any, path: Path, findings: Findings) -> Constraint | None:
    """One condition: `exclusive` parameters, or `requires` a range `when` another parameter is `above` a value."""
    expected = Sentence("{exclusive: [a, b]} or {when: a, above: 1, requires: b, range: [low, high]}")
    if not isinstance(body, dict) or ("exclusive" in body) == ("requires" in body):
        findings.add(path, body, expected)
        return None
    known_keys(body, CONSTRAINT_KEYS, path, findings)
    mode = outside(body, path, findings)
    if "exclusive" in body:
        given = body["exclusive"]
        alone = set(body) <= {"exclusive", "outside"}
        names = given if isinstance(given, list) and all(map(is_parameter, given)) else []
        if not alone or not EXCLUSIVE.least <= len(set(names)) == len(names) <= EXCLUSIVE.most:
            expected = Sentence("at least two different parameter names, and no other key but outside")
            findings.add((*path, "exclusive"), given, expected)
            return None
        return Constraint("exclusive", tuple(names), outside=mode)
    above = finite(body.get("above"))
    if not is_parameter(body["requires"]) or not is_parameter(body.get("when")) or above is None:
        findings.add(path, body, expected)
        return None
    low, high = bounds(body.get("range"), (*path, "range"), findings)
    return Constraint("requires", (body["requires"],), body["when"], above, low, high, mode)


def is_parameter(value: Any) -> bool:
    """Whether `value` can be a parameter's name."""
    return isinstance(value, str) and bool(re.fullmatch(PARAMETER.pattern, value))
