"""What the door makes of a push before it believes it. Without a framework."""

from collections.abc import Set
from dataclasses import dataclass, field

import msgspec

from routing.samples import frames
from routing.samples.frames import Frame, FrameInvalid
from routing.samples.pushes import AgentPush
from routing.samples.readings import MOST_COMPLAINTS

MOST_SECONDS_OFF = 5.0
"""By how many seconds an agent's clock may differ from the door's; beyond, its times are put right and it is told."""
MOST_SEQUENCE = 2**40
LONGEST_RUN_AHEAD = 86_400_000
"""Milliseconds by which a run may lie ahead of the clock: the door gives runs by its own clock."""


@dataclass(slots=True)
class CheckedPush:
    """Frames that may go into the stream, and what was wrong with the others."""

    frames: list[Frame] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def check(push: AgentPush, source: str, owned: Set[str], now: float) -> CheckedPush:
    """The frames of a push as the door lets them in: its own source and run, its own devices, times put right."""
    found = CheckedPush()
    off = now - push.sent_at
    clock = "" if abs(off) <= MOST_SECONDS_OFF else f"{-off:+.0f} s"
    if clock:
        found.complaints.append(f"the clock of this machine is off by {clock}")
    foreign: set[str] = set()
    for body in push.frames:
        try:
            frame = frames.decode(body)
            if frame.sequence > MOST_SEQUENCE:
                raise FrameInvalid(f"its sequence is {frame.sequence}; expected at most {MOST_SEQUENCE}")
        except FrameInvalid as error:
            found.complaints.append(f"a frame is left out: {error}")
            continue
        others = set(frame.subjects) - owned
        foreign |= others
        frame = frames.of_subjects(frame, owned)
        complaints = [
            *frame.complaints,
            *frames.impossible(frame),
            *(("foreign device", "", uuid, "") for uuid in sorted(others)),
        ]
        complaints += [("clock off", "", "", clock)] if clock else []
        at = frame.at + off if clock else frame.at
        found.frames.append(
            msgspec.structs.replace(frame, source=source, run=push.run, at=at, complaints=complaints[:MOST_COMPLAINTS])
        )
    found.complaints = found.complaints[:MOST_COMPLAINTS]
    found.complaints += [
        f"{uuid} is not a device of this node, so its values are left out" for uuid in sorted(foreign)[:MOST_COMPLAINTS]
    ]
    return found


def credible_run(run: int, now: float) -> bool:
    """Whether the door can have given this run."""
    return 0 < run <= now * 1000 + LONGEST_RUN_AHEAD
