"""Golden answers: requests whose answers a team pins, which every candidate must give."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from msgspec import Raw
from msgspec.json import decode, encode

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry import predict_form
from registry.canon import Failure, Reply, Request, Task
from registry.models import Model
from registry.spec import Spec
from registry.specfile import file as spec_file
from versions.diff.values import same
from versions.models import GoldenAnswer

HOW = ("equals", "contains", "one_of")
KEYS = (*HOW, "path", "ignore_case")
MOST = 50
LONGEST = 64_000
DEFAULT_PATHS = {Task.CHAT: "outputs.0.content", Task.COMPLETION: "outputs.0"}


def of_model(actor: Any, model: Model) -> QuerySet[GoldenAnswer]:
    """A model's golden answers, by name. Raises Forbidden."""
    access.require(actor, "model.read")
    return model.golden_answers.select_related("created_by").order_by("name")


@transaction.atomic
def pin(
    actor: Any,
    model: Model,
    name: str,
    request: Mapping[str, Any],
    expected: Mapping[str, Any],
    *,
    request_id: str = "",
) -> GoldenAnswer:
    """Pin an answer. `request` is a predict call (`inputs`, `parameters`, `task`); `expected` says how it is compared:
    `equals`, `contains` or `one_of`, perhaps `ignore_case`, at a dotted `path` of the answer (by default its text).

    Raises Forbidden, Invalid naming what is wrong, Conflict for a name that is taken.
    """
    access.require(actor, "model.change")
    name = name.strip()
    if not 0 < len(name) <= 200 or "\x00" in name:
        raise Invalid("name", Sentence("a golden answer needs a name of at most 200 characters"))
    assert model.release is not None
    _checked(expected)
    try:
        to_request(spec_file.read(model.release.spec), request)
        size = len(encode([request, expected]))
    except Failure as failure:
        raise Invalid("request", failure.message) from failure
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid("request", Sentence("the request is no JSON: {error}", error=message_of(error))) from error
    if size > LONGEST:
        raise Invalid("request", Sentence("it has {size} bytes; at most {most} are kept", size=size, most=LONGEST))
    if model.golden_answers.count() >= MOST:
        raise Invalid("too_many", Sentence("a model has at most {most} golden answers", most=MOST))
    try:
        with transaction.atomic():
            row = GoldenAnswer.objects.create(
                model=model, name=name, request=dict(request), expected=dict(expected), created_by_id=actor.id
            )
    except IntegrityError as error:
        raise Conflict(
            "name", Sentence("{model} has a golden answer {name}", model=model.name, name=repr(name))
        ) from error
    audit.record(actor, "golden.pin", "model", model.name, {"golden": name}, request_id)
    return row


@transaction.atomic
def unpin(actor: Any, golden_id: int, *, request_id: str = "") -> None:
    """Take a golden answer away. Raises Forbidden, Missing."""
    access.require(actor, "model.change")
    row = GoldenAnswer.objects.select_related("model").filter(pk=golden_id).first()
    if row is None:
        raise Missing("golden", Sentence("there is no golden answer {golden}", golden=golden_id))
    row.delete()
    audit.record(actor, "golden.unpin", "model", row.model.name, {"golden": row.name}, request_id)


def to_request(spec: Spec, request: Mapping[str, Any]) -> Request:
    """The call that a golden answer makes. Raises Failure."""
    return predict_form.to_request(spec, {name: Raw(encode(value)) for name, value in request.items()})


def differs(expected: Mapping[str, Any], task: Task, reply: Reply) -> str:
    """How an answer differs from what is pinned; empty if it does not."""
    try:
        answer = decode(predict_form.to_reply(task, "m", reply).body)
    except (Failure, msgspec.DecodeError) as error:
        return Sentence("the answer cannot be read: {error}", error=message_of(error))
    path = expected.get("path") or DEFAULT_PATHS.get(task, "outputs")
    found = _at(answer, path)
    wanted = next(expected[how] for how in HOW if how in expected)
    if _fits(expected, found):
        return ""
    return Sentence("{path} is {found}, and {wanted} was pinned", path=path, found=_shown(found), wanted=_shown(wanted))


def _checked(expected: Mapping[str, Any]) -> None:
    known = isinstance(expected, Mapping) and set(expected) <= set(KEYS)
    if not known or sum(how in expected for how in HOW) != 1:
        raise Invalid("expected", Sentence("expected takes one of {how}, and perhaps path and ignore_case", how=HOW))
    if "contains" in expected and not isinstance(expected["contains"], str):
        raise Invalid("expected", Sentence("contains must be text"))
    if "one_of" in expected and not (isinstance(expected["one_of"], list) and expected["one_of"]):
        raise Invalid("expected", Sentence("one_of must be a list of values"))
    if not isinstance(expected.get("path", ""), str):
        raise Invalid("expected", Sentence("path must be text, such as outputs.0.label"))


def _fits(expected: Mapping[str, Any], found: Any) -> bool:
    plain = _folded if expected.get("ignore_case") is True else _unchanged
    if "contains" in expected:
        return isinstance(found, str) and plain(expected["contains"]) in plain(found)
    wanted = expected["one_of"] if "one_of" in expected else [expected["equals"]]
    return any(same(plain(found), plain(value)) for value in wanted)


def _folded(value: Any) -> Any:
    return value.casefold().strip() if isinstance(value, str) else value


def _unchanged(value: Any) -> Any:
    return value


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part[:9]) < len(value):
            value = value[int(part[:9])]
        else:
            return None
    return value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else encode(value).decode()
    return repr(text[:200] + "…" if len(text) > 200 else text)
