"""Circuit breakers and the retry budget: keep calls away from failing replicas, without ever ejecting most of them."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from routing.table import Replica

FAILURES = 5
OPEN_SECONDS = 30.0
RETRY_SHARE = 0.2
RETRY_RESERVE = 10.0


@dataclass(slots=True)
class Circuit:
    """What is known of a replica that has failed lately. `open_until` is 0 while it is closed; times are monotonic."""

    failures: int = 0
    open_until: float = 0.0
    trial: bool = False


class Breakers:
    """One circuit a replica: five failures in a row open it for 30 s, then one trial call decides."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._circuits: dict[str, Circuit] = {}

    def usable(self, replicas: Sequence[Replica]) -> Sequence[Replica]:
        """The replicas whose circuit lets a call through; all (panic) if that would leave fewer than half."""
        if not self._circuits:
            return replicas
        usable = [replica for replica in replicas if self.allows(replica.key)]
        return usable if len(usable) * 2 >= len(replicas) and usable else replicas

    def allows(self, key: str) -> bool:
        """Whether a call to this replica may go out now."""
        circuit = self._circuits.get(key)
        if circuit is None or not circuit.open_until:
            return True
        return self._clock() >= circuit.open_until and not circuit.trial

    def started(self, key: str) -> None:
        """A call goes out. If the circuit is half open, it is the trial and others wait for its end."""
        if not self._circuits:
            return
        circuit = self._circuits.get(key)
        if circuit is not None and circuit.open_until and self._clock() >= circuit.open_until:
            circuit.trial = True

    def succeeded(self, key: str) -> None:
        """The replica answered: its circuit closes."""
        if self._circuits:
            self._circuits.pop(key, None)

    def abandoned(self, key: str) -> None:
        """A call ended without telling anything of the replica (the caller left)."""
        circuit = self._circuits.get(key)
        if circuit is not None:
            circuit.trial = False

    def failed(self, key: str) -> None:
        """The replica failed: its circuit opens at the fifth time in a row, and again after a failed trial."""
        circuit = self._circuits.setdefault(key, Circuit())
        circuit.failures += 1
        if circuit.failures >= FAILURES:
            circuit.open_until = self._clock() + OPEN_SECONDS
        circuit.trial = False

    def open(self) -> tuple[str, ...]:
        """Keys of the replicas whose circuit is open or half open."""
        return tuple(key for key, circuit in self._circuits.items() if circuit.open_until)

    def forget(self, known: Container[str]) -> None:
        """Drop circuits of replicas that are no longer in the table."""
        self._circuits = {key: circuit for key, circuit in self._circuits.items() if key in known}


class RetryBudget:
    """At most one retry for every five calls, after a reserve of ten, so that retries cannot feed an outage."""

    def __init__(self) -> None:
        self._tokens = RETRY_RESERVE

    def earn(self) -> None:
        """A first attempt goes out."""
        if self._tokens < RETRY_RESERVE:
            self._tokens += RETRY_SHARE

    def spend(self) -> bool:
        """Whether a retry may go out; takes it from the budget."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
