"""What an agent on a GPU node pushes, packed: frames, and facts of its node when they change. Without a framework."""

import msgspec

MOST_FRAMES = 120
"""Frames in one push: an agent that was cut off for ten minutes is caught up after five pushes."""
MOST_BYTES = 2 * 1024 * 1024
"""Bytes of one push: 120 frames of eight devices with seven slices each."""


class DeviceFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device as its driver describes it; what the driver does not give is None. `parent` is a uuid of the push."""

    uuid: str
    vendor: str
    model: str
    serial: str | None = None
    index: int | None = None
    memory_bytes: int | None = None
    power_limit_w: float | None = None
    links: list[dict[str, str]] = []
    labels: dict[str, str] = {}
    parent: str | None = None


class NodeFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The machine of an agent, and all of its devices. Its name is that of the agent's key."""

    machine_id: str = ""
    address: str = ""
    labels: dict[str, str] = {}
    devices: list[DeviceFacts] = []


class AgentPush(msgspec.Struct, frozen=True, omit_defaults=True):
    """One push. `run` is 0 until the door has given one; `sent_at` is Unix time by the agent's clock, in seconds.

    `frames`: packed frames in the order of their sequence; the door writes source and run into them.
    """

    run: int
    sent_at: float
    frames: list[bytes] = []
    facts: NodeFacts | None = None


class PushAnswer(msgspec.Struct, frozen=True):
    """The door's answer: the agent's run, how many frames are safe, what made no sense, and whether facts are kept."""

    run: int
    kept: int
    complaints: list[str]
    facts: bool


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(AgentPush).decode
