"""The verbs of generated encoders: a caller's parameters checked, defaulted, converted and put on the wire.

A Draft starts as the caller's raw fields. A verb decodes only the field that it is about and notes every change; a
field that no verb takes is either sent as it is or dropped and told, never lost silently.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from controlplane.base.messages import Sentence
from registry.canon import Adaptation, Failure, FailureKind, Request
from registry.protocols.runtime.given import Given, Why
from registry.protocols.runtime.losses import (
    CALLED,
    EXPECTED,
    NO_PARAMETER,
    NO_WAY,
    SAME,
    TAKEN,
    in_its_place,
    one_of,
    one_only,
    refused,
)
from registry.steering import refuse_steering
from registry.wording import a_type, brief, brief_raw, shown, within

decode = Decoder().decode
Body = dict[str, Any]
Converter = Callable[[Given], Any]

TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}
NULL = Raw(b"null")
LONGEST_NAME = 64
MOST_NOTED = 50


class Draft:
    """A call's fields on their way to the wire, and what was changed. Verbs raise Failure for what is refused."""

    __slots__ = ("_more", "_noted", "fields", "strict")

    def __init__(self, request: Request) -> None:
        self.fields: dict[str, Any] = dict(request.fields)
        self.strict = request.strict
        self._noted: list[Adaptation] = []
        self._more = 0

    @property
    def adapted(self) -> tuple[Adaptation, ...]:
        """The first 50 changes; if there are more, how many, as the last one."""
        noted = tuple(self._noted)
        return (*noted, Adaptation("", "more", None, self._more)) if self._more else noted

    def value(self, name: str) -> Any:
        """The field's value; None if it is absent or null."""
        raw = self.fields.get(name)
        if raw is None:
            return None
        if not isinstance(raw, Raw):
            return raw
        try:
            return decode(raw)
        except (DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise refused(name, "(unreadable)", Sentence("valid JSON ({error})", error=error)) from error

    def note(self, name: str, action: str, given: Any, sent: Any) -> None:
        """Tell of a change that loses nothing. A caller can make as many as its body holds, so only some are kept."""
        if len(self._noted) < MOST_NOTED:
            self._noted.append(Adaptation(name[:LONGEST_NAME], action, brief(given), brief(sent)))
        else:
            self._more += 1

    def lose(self, name: str, action: str, given: Any, sent: Any, why: Why) -> None:
        """Tell of a change that loses something; refused if the call is strict."""
        if self.strict:
            raise Failure(
                FailureKind.INVALID_REQUEST,
                Sentence(
                    "Parameter {name} is {given}: {why}. This call is strict; correct or remove the parameter.",
                    name=repr(name),
                    given=shown(given),
                    why=why if isinstance(why, str) else why(),
                ),
                parameter=name,
                code=f"parameter_{action}",
            )
        self.note(name, action, given, sent)

    def require(self, name: str) -> None:
        """Refuse a call without `name`."""
        if self.value(name) is None:
            raise Failure(
                FailureKind.INVALID_REQUEST,
                Sentence("Parameter {name} is missing; this model requires it.", name=repr(name)),
                parameter=name,
                code="missing_required_parameter",
            )

    def default(self, name: str, value: Any, unless: tuple[str, ...] = ()) -> None:
        """Send `value` if the caller gave nothing, nor any of `unless`."""
        raw = self.fields.get(name)
        if (raw is None or raw == NULL) and not any(self.value(other) is not None for other in unless):
            self.fields[name] = value
            self.note(name, "defaulted", None, value)

    def typed(self, name: str, kind: str) -> None:
        """Check a bool, string, array or object."""
        value = self.value(name)
        if value is not None and not isinstance(value, TYPES[kind]):
            raise refused(name, value, a_type(kind))

    def number(
        self, name: str, kind: str, low: float | None = None, high: float | None = None, outside: str = "refuse"
    ) -> None:
        """Check a float or int and its range; `outside` is refuse or clamp."""
        value = self.value(name)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or (kind == "int" and value != int(value)):
            raise refused(name, value, a_type(kind))
        nearest = value
        if low is not None and value < low:
            nearest = low
        elif high is not None and value > high:
            nearest = high
        if nearest is value:
            return
        if outside == "refuse":
            raise refused(name, value, within(low, high), "parameter_out_of_range")
        nearest = int(nearest) if kind == "int" else nearest
        self.lose(name, "clamped", value, nearest, lambda: EXPECTED.given(expected=within(low, high)))
        self.fields[name] = nearest

    def option(self, name: str, options: tuple[Any, ...], fallback: Any = None) -> None:
        """Check that the value is one of `options`; any other becomes `fallback`, or is refused if that is None."""
        value = self.value(name)
        if value is None or any(
            value == item and isinstance(value, bool) == isinstance(item, bool) for item in options
        ):
            return
        if fallback is None:
            raise refused(name, value, one_of(options), "parameter_not_an_option")
        self.lose(name, "clamped", value, fallback, lambda: EXPECTED.given(expected=one_of(options)))
        self.fields[name] = fallback

    def translate(self, name: str, values: tuple[tuple[Any, Any], ...]) -> None:
        """Replace a caller's option by the upstream's."""
        value = self.value(name)
        for given, sent in values:
            if value == given and isinstance(value, bool) == isinstance(given, bool):
                self.fields[name] = sent
                if sent != value:
                    self.note(name, "mapped", value, sent)

    def convert(self, name: str, kind: str, source: tuple[float, float], target: tuple[float, float]) -> None:
        """Stretch the caller's range `source` onto the upstream's, `target`."""
        value = self.value(name)
        if value is None:
            return
        share = (value - source[0]) / (source[1] - source[0])
        exact = target[0] + share * (target[1] - target[0])
        sent = round(exact) if kind == "int" else round(exact, 10)
        self.fields[name] = sent
        self.note(name, "converted", value, sent)

    def synonym(self, other: str, name: str) -> None:
        """Take `other` for `name`, which this model's spec declares; if both are given `other` is dropped."""
        given = self.value(other)
        if given is None:
            return
        raw = self.fields.pop(other)
        if self.value(name) is None:
            self.fields[name] = raw
            self.note(other, "renamed", other, name)
        else:
            self.lose(other, "dropped", given, None, lambda: SAME.given(name=repr(name)))

    def reserve(self, upstream: str, name: str = "") -> None:
        """Drop a field: it is the upstream's name of the parameter `name`, or no upstream takes it any more."""
        given = self.value(upstream)
        self.fields.pop(upstream, None)
        if given is not None:
            self.lose(upstream, "dropped", given, None, lambda: CALLED.given(name=repr(name)) if name else NO_PARAMETER)

    def exclusive(self, names: tuple[str, ...], outside: str = "refuse") -> None:
        """Allow at most one of `names`; with clamp the later ones are dropped."""
        given = [name for name in names if self.value(name) is not None]
        for name in given[1:]:
            if outside == "refuse":
                expected = Sentence("nothing, because {why}", why=one_only(names, given[0]))
                raise refused(name, self.value(name), expected, "parameters_exclude_each_other")
            self.lose(name, "dropped", self.value(name), None, lambda: one_only(names, given[0]))
            del self.fields[name]

    def requires(
        self, when: str, above: float, name: str, limits: tuple[float | None, float | None], outside: str = "refuse"
    ) -> None:
        """Where `when` is above a value, hold `name` within `limits`; with clamp it is moved there."""
        trigger, value = self.value(when), self.value(name)
        if not is_number(trigger) or trigger <= above or (value is not None and not is_number(value)):
            return
        low, high = limits
        if value is not None and (low is None or value >= low) and (high is None or value <= high):
            return

        def expected() -> Sentence:
            range_ = within(low, high)
            return Sentence("{range}, because {when} is {given}", range=range_, when=repr(when), given=shown(trigger))

        if outside == "refuse":
            raise refused(name, value, expected(), "parameter_constraint")
        nearest = low if low is not None and (value is None or value < low) else high
        self.lose(name, "clamped", value, nearest, lambda: EXPECTED.given(expected=expected()))
        self.fields[name] = nearest

    def without_effect(self, name: str, values: tuple[Any, ...]) -> None:
        """Leave out a field whose value means nothing to this upstream; an empty `values` is any value."""
        if name in self.fields and (not values or self.value(name) in values):
            del self.fields[name]

    def put(self, body: Body, path: str, *sources: str, convert: Converter | None = None, default: Any = None) -> None:
        """Move the first given field of `sources` to the dotted `path` of the body, through a codec function."""
        value, source = None, sources[0]
        for name in sources:
            found = self.fields.pop(name, None)
            if found is None or found == NULL:
                continue
            if value is not None:
                self.lose(name, "dropped", brief_raw(found), None, partial(in_its_place, source))
                continue
            value, source = found, name
        if value is None:
            if default is not None:
                place(body, path, default)
                self.note(sources[-1], "defaulted", None, default)
            return
        if convert is not None:
            value = self.converted(source, value, convert)
        if value is None:
            self.lose(source, "dropped", "(given)", None, NO_WAY)
            return
        replaced = place(body, path, value)
        if replaced is not None:
            self.lose(path, "dropped", brief_raw(replaced), None, partial(in_its_place, source))
        if path != source and path.rpartition(".")[2] != source:
            self.note(source, "renamed", source, path)

    def take(self, body: Body, path: str, name: str, convert: Converter | None = None) -> None:
        """Move the call's content (messages, prompt, input) to `path`. Refused if it is missing."""
        raw = self.fields.pop(name, None)
        if raw is None or raw == NULL:
            raise Failure(
                FailureKind.INVALID_REQUEST,
                Sentence("{name} is missing.", name=repr(name)),
                parameter=name,
                code="missing_required_parameter",
            )
        place(body, path, raw if convert is None else self.converted(name, raw, convert))

    def spread(self, body: Body, name: str, convert: Converter) -> None:
        """Put every field that a codec function makes of the call's content at the top of the body."""
        self.take(body, name, name, convert)
        body.update(body.pop(name))

    def converted(self, name: str, raw: Any, convert: Converter) -> Any:
        """`raw` through a codec function, which tells what it leaves; what it cannot read is refused by name."""
        try:
            found = Given(decode(raw) if isinstance(raw, Raw) else raw, name, self)
            value = convert(found)
            if value is not None:
                found.settle()
            return value
        except Failure as failure:
            failure.parameter = failure.parameter or name
            raise
        except (DecodeError, RecursionError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise refused(
                name,
                raw,
                Sentence("the form that the API documents ({name}: {error})", name=type(error).__name__, error=error),
            ) from error

    def streaming(self, body: Body, stream: bool, constants: Body) -> None:
        """Set the constants, by dotted path, that only a streaming call sends."""
        for path, value in constants.items() if stream else ():
            outer = path.partition(".")[0]
            if outer in self.fields:
                body[outer] = self.fields.pop(outer)
            place(body, path, value)

    def send_rest(self, body: Body, home: str = "", declared: tuple[str, ...] = ()) -> None:
        """Send every field that is left under its own name, dots and all, at the top or under `home`.

        Those that could steer an upstream are refused, unless they are `declared`.
        """
        refuse_steering((name, value) for name, value in self.fields.items() if name not in declared)
        target = inside(body, home) if home and self.fields else body
        for name, value in self.fields.items():
            if name not in target:
                target[name] = value
            elif value != NULL:
                self.lose(name, "dropped", brief_raw(value), None, TAKEN)
        self.fields = {}

    def drop_rest(self) -> None:
        """Drop every field that is left, and tell."""
        refuse_steering(self.fields.items())
        for name, raw in self.fields.items():
            if raw is None or raw == NULL:
                continue
            given = self.value(name) if self.strict or len(self._noted) < MOST_NOTED else None
            self.lose(name, "dropped", given, None, NO_PARAMETER)
        self.fields = {}


def place(body: Body, path: str, value: Any) -> Any:
    """Set the dotted `path` of `body`, making objects on the way; the value that was there before, else None."""
    if "." in path:
        outer, _, path = path.rpartition(".")
        body = inside(body, outer) if outer else body
    before, body[path] = body.get(path), value
    return before


def inside(body: Body, path: str) -> Body:
    """The object at the dotted `path` of `body`, made if it is missing; one that is still raw is decoded first."""
    for part in path.split("."):
        inner = body.get(part)
        if isinstance(inner, Raw):
            inner = decode(inner)
        if not isinstance(inner, dict):
            inner = {}
        body[part] = inner
        body = inner
    return body


def is_number(value: Any) -> bool:
    """Whether `value` is an int or float and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)
