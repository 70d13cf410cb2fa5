"""Fields that we send of our own, and upstreams that refuse them: asked once, then left out for an hour.

OpenAI's stream_options brings usage at the end of a stream; some servers answer 400 or 422 to a field they don't know.
"""

from collections.abc import Callable, Container

from msgspec import Raw, structs
from msgspec.json import Decoder, encode

from registry.canon import Adaptation, Failure, Request, plain
from registry.protocols.adapter import BoundOperation, Encoded
from registry.wording import brief

REMEMBERED_SECONDS = 3600.0
REFUSED = (400, 422)
OTHER_REASONS = (401, 403, 429)
decode_fields = Decoder(dict[str, Raw]).decode


class Extras:
    """Knows by replica whether it takes an operation's optional fields."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._refused_until: dict[str, float] = {}
        self._taken: set[str] = set()

    def leaves_out(self, key: str) -> bool:
        """Whether this replica has refused them lately."""
        until = self._refused_until.get(key)
        if until is None:
            return False
        if self._clock() < until:
            return True
        del self._refused_until[key]
        return False

    def accept(self, key: str) -> None:
        """Note that this replica answered a call that had them."""
        self._taken.add(key)

    def refuse(self, key: str) -> None:
        """Note that this replica refuses them."""
        self._refused_until[key] = self._clock() + REMEMBERED_SECONDS
        self._taken.discard(key)

    def forget(self, known: Container[str]) -> None:
        """Drop what is known of replicas that are no longer in the table."""
        self._refused_until = {key: until for key, until in self._refused_until.items() if key in known}
        self._taken = {key for key in self._taken if key in known}

    def may_be_cause(self, key: str, operation: BoundOperation, request: Request, failure: Failure) -> bool:
        """Whether a call may have failed because of them: the upstream names one, or has never taken them yet.

        A strict call that gave such a field itself is not made without it.
        """
        if failure.upstream_status is None or failure.upstream_status in OTHER_REASONS:
            return False
        given = any(path.partition(".")[0] in request.fields for path in operation.optional)
        if given and request.strict:
            return False
        said = f"{failure.message} {failure.upstream_words}"
        if any(name in said for path in operation.optional for name in path.split(".")):
            return True
        return not given and failure.upstream_status in REFUSED and key not in self._taken


def without_extras(encoded: Encoded, operation: BoundOperation, request: Request) -> Encoded:
    """`encoded` without the operation's optional fields, and told so."""
    body = decode_fields(encoded.wire.body)
    told = list(encoded.adapted)
    for name in dict.fromkeys(path.partition(".")[0] for path in operation.optional):
        if body.pop(name, None) is not None:
            told.append(Adaptation(name, "dropped", brief(plain(request.fields.get(name)))))
    return Encoded(structs.replace(encoded.wire, body=encode(body)), tuple(told))
