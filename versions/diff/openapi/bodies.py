"""Request bodies and responses: presence, media types, statuses, headers, and their schemas."""

from versions.diff.findings import Direction
from versions.diff.openapi.form import ApiOperation, ApiResponse, BodyContent
from versions.diff.openapi.media import covering, specialised
from versions.diff.openapi.parameters import judge_schema, judge_style
from versions.diff.openapi.sides import Sides
from versions.diff.values import same

REQUEST, RESPONSE = Direction.REQUEST, Direction.RESPONSE
STREAM = "text/event-stream"


def judge_body(sides: Sides, old: ApiOperation, new: ApiOperation) -> None:
    """The request bodies of two versions of an operation."""
    before, after = old.body, new.body
    if before is None and after is None:
        return
    if before is None or after is None:
        if after is None:
            sides.fact("body-removed", new.name, (None, None), (before.pointer if before else "", ""))
        else:
            key = "body-required" if after.required else "body-optional"
            sides.fact(key, new.name, (None, None), ("", after.pointer))
        return
    pointers = before.pointer, after.pointer
    if before.required != after.required:
        sides.fact("body-required" if after.required else "body-optional", new.name, (None, None), pointers)
    for media in before.content:
        match = covering(media, after.content)
        if match is None:
            sides.fact("request-content-type-removed", new.name, (media, None), pointers)
        else:
            _contents(sides, REQUEST, "body", before.content[media], after.content[match])
    for media in after.content:
        known = covering(media, before.content)
        if known is None:
            sides.fact("request-content-type-added", new.name, (None, media), pointers)
        elif covering(known, after.content) != media:
            _contents(sides, REQUEST, f"body {media}", before.content[known], after.content[media])


def _contents(sides: Sides, direction: Direction, name: str, old: BodyContent, new: BodyContent) -> None:
    before = {} if old.schema is None else old.schema
    after = {} if new.schema is None else new.schema
    sides.schemas(direction, name, (before, old.pointer), (after, new.pointer))
    if not same(old.encoding, new.encoding):
        sides.fact(
            "keyword-undecided", f"{name} encoding", (old.encoding, new.encoding), (old.pointer, new.pointer), direction
        )


def judge_responses(sides: Sides, old: ApiOperation, new: ApiOperation) -> None:
    """The responses of two versions of an operation."""
    success = [status for status in old.responses if _is_success(status)]
    for status, before in old.responses.items():
        match = _matching(status, new.responses)
        if match is not None:
            _response(sides, new.name, status, before, new.responses[match])
        elif _is_success(status) or (status == "DEFAULT" and not success):
            gone = _is_success(status) or bool(before.content)
            sides.fact(
                "success-status-removed" if gone else "error-status-removed",
                new.name,
                (status, None),
                (before.pointer, ""),
            )
        else:
            sides.fact("error-status-removed", new.name, (status, None), (before.pointer, ""))
    for status, after in new.responses.items():
        if status in old.responses:
            continue
        known = _matching(status, old.responses)
        if known is None:
            sides.fact("status-added", new.name, (None, status), ("", after.pointer), RESPONSE)
            known = "DEFAULT" if not success or not _is_success(status) else None
        if known in old.responses and _matching(known, new.responses) != status:
            _response(sides, new.name, status, old.responses[known], after)


def _is_success(status: str) -> bool:
    return status[:1] in ("1", "2", "3")


def _matching(status: str, responses: dict[str, ApiResponse]) -> str | None:
    if status in responses:
        return status
    group = f"{status[:1]}XX"
    return group if group in responses else None


def _response(sides: Sides, operation: str, status: str, old: ApiResponse, new: ApiResponse) -> None:
    pointers = old.pointer, new.pointer
    special = {media: specialised(media, new.content) for media in old.content if covering(media, new.content) is None}
    for media in old.content:
        match = covering(media, new.content) or special.get(media)
        if match is not None:
            if special.get(media):
                sides.fact("response-content-type-specialised", operation, (media, match), pointers, RESPONSE)
            _contents(sides, RESPONSE, f"response {status}", old.content[media], new.content[match])
        elif not _is_success(status) and not new.content:
            sides.fact("keyword-undecided", f"response {status}", (media, "no content"), pointers, RESPONSE)
        else:
            sides.fact("response-content-type-removed", operation, (media, None), pointers, RESPONSE)
    for media in new.content:
        known = covering(media, old.content)
        if known is not None and covering(known, new.content) not in (media, None):
            name = f"response {status} {media}"
            _contents(sides, RESPONSE, name, old.content[known], new.content[media])
        elif known is None and media not in special.values():
            streams = (STREAM in media) and any("json" in known for known in old.content)
            key = (
                "streaming-changed"
                if streams and not set(old.content) & set(new.content)
                else "response-content-type-added"
            )
            sides.fact(key, operation, (None, media), pointers, RESPONSE)
    _headers(sides, status, old, new)
    for name, link in old.links.items():
        if not same(link, new.links.get(name)):
            words = link, new.links.get(name)
            sides.fact("keyword-undecided", f"response {status} link {name}", words, pointers, RESPONSE)


def _headers(sides: Sides, status: str, old: ApiResponse, new: ApiResponse) -> None:
    for name, before in old.headers.items():
        after = new.headers.get(name)
        label = f"response {status} header {name}"
        if after is None:
            key = "required-header-removed" if before.required else "optional-header-removed"
            sides.fact(key, label, (None, None), (before.pointer, ""), RESPONSE)
            continue
        if before.required != after.required:
            key = "header-became-required" if after.required else "header-became-optional"
            sides.fact(key, label, (None, None), (before.pointer, after.pointer), RESPONSE)
        judge_style(sides, label, before, after, RESPONSE)
        judge_schema(sides, label, before, after, RESPONSE)
    for name, after in new.headers.items():
        if name not in old.headers:
            sides.fact("header-added", f"response {status} header {name}", (None, None), ("", after.pointer), RESPONSE)
