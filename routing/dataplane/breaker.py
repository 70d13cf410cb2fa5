"""Circuit breakers: keep calls away from failing replicas, without ever ejecting most of them."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from routing.table import Replica

FAILURES = 5
OPEN_SECONDS = 30.0
LATER_SECONDS = 1.0
"""A circuit that another process opened is tried here so much later: that one's trial call tells all."""


@dataclass(slots=True)
class Circuit:
    """What is known of a replica that has failed lately. `open_until` is 0 while it is closed; times are monotonic.

    `told` is whether the other processes know that it is open, `theirs` whether it is open because one of them said so.
    """

    failures: int = 0
    open_until: float = 0.0
    trial: bool = False
    told: bool = False
    theirs: bool = False


class Breakers:
    """One circuit a replica: five failures in a row open it for 30 s, then one trial call decides.

    What opens and closes here is news for other processes until `news` is called; `learn` takes in theirs.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._circuits: dict[str, Circuit] = {}
        self._news: set[str] = set()
        self._known: Container[str] | None = None
        self.on_news: Callable[[], None] = _nobody

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
            circuit = self._circuits.pop(key, None)
            if circuit is not None and circuit.open_until:
                self._tell(key)

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
            circuit.theirs = False
            self._tell(key)
        circuit.trial = False

    def open(self) -> tuple[str, ...]:
        """Keys of the replicas whose circuit is open or half open."""
        return tuple(key for key, circuit in self._circuits.items() if circuit.open_until)

    def forget(self, known: Container[str]) -> None:
        """Drop circuits of replicas that are no longer in the table."""
        self._known = known
        self._circuits = {key: circuit for key, circuit in self._circuits.items() if key in known}

    def news(self) -> tuple[dict[str, float], list[str]]:
        """What other processes are to be told since the last time: seconds left of what opened, and what closed."""
        keys, self._news = self._news, set()
        opened: dict[str, float] = {}
        for key in keys:
            circuit = self._circuits.get(key)
            if circuit is not None and circuit.open_until:
                opened[key] = circuit.open_until - self._clock() - (LATER_SECONDS if circuit.theirs else 0.0)
                circuit.told = True
        return opened, [key for key in keys if key not in opened]

    def tell(self, keys: Iterable[str]) -> None:
        """Make these news (again): the others may not know of them."""
        self._news.update(keys)

    def learn(self, left: Mapping[str, float]) -> None:
        """Take in what is open anywhere, with the seconds left; news of this process is newer than that.

        What had been told and is not there any more was closed by another process.
        """
        now = self._clock()
        for key, circuit in list(self._circuits.items()):
            if circuit.told and key not in left and key not in self._news:
                del self._circuits[key]
        for key, seconds in left.items():
            if key not in self._news and (self._known is None or key in self._known):
                self._open_as_told(key, now + seconds)

    def _open_as_told(self, key: str, until: float) -> None:
        circuit = self._circuits.setdefault(key, Circuit())
        circuit.told = True
        if until > circuit.open_until + LATER_SECONDS / 2 or not circuit.open_until:
            circuit.failures, circuit.theirs = max(circuit.failures, FAILURES), True
            circuit.open_until = until + LATER_SECONDS

    def _tell(self, key: str) -> None:
        self._news.add(key)
        self.on_news()


def _nobody() -> None:
    """No other process is told."""
