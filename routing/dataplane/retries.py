"""The budgets of retries: retries cannot feed an outage, however many processes make them."""

from collections.abc import Callable, Container, Mapping

RETRY_SHARE = 0.2
RETRY_RESERVE = 10.0
"""Of all processes together. Each of them may spend its part of what is left, or the least."""
RETRY_LEAST = 5.0
"""Of one process, as long as so much is left: a circuit opens at the fifth failure, and no caller should see those.

Processes that spend theirs at the same moment pass the reserve by that; nobody retries until it is earned back.
"""

Served = tuple[str, int]
"""A model's name and the id of the release that answers: each release has a budget of its own."""


class RetryBudget:
    """One model's retries: at most one for every five calls, after a reserve of ten.

    `untold` is what was earned and spent since other processes were told.
    """

    __slots__ = ("_tokens", "_top", "untold")

    def __init__(self, tokens: float = RETRY_RESERVE, top: float = RETRY_RESERVE) -> None:
        """`tokens` may be spent now, never more than `top`."""
        self._tokens, self._top = tokens, top
        self.untold = 0.0

    def earn(self) -> None:
        """A first attempt goes out."""
        if self._tokens < self._top:
            self._tokens += RETRY_SHARE
            self.untold += RETRY_SHARE

    def spend(self) -> bool:
        """Whether a retry may go out; takes it from the budget."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        self.untold -= 1.0
        return True

    def set(self, tokens: float, top: float) -> None:
        """From now on these may be spent, and what is still untold."""
        self._tokens, self._top = min(top, max(0.0, tokens + self.untold)), top


class RetryBudgets:
    """The budgets of all models in one process."""

    def __init__(self, processes: int = 1) -> None:
        """`processes` share the budgets, until `learn` tells how many there are."""
        self._budgets: dict[Served, RetryBudget] = {}
        self._left: Mapping[str, float] = {}
        self._processes = processes
        self.on_news: Callable[[], None] = _nobody

    def earn(self, served: Served) -> None:
        """A first attempt of a call goes out."""
        self._of(served).earn()

    def spend(self, served: Served) -> bool:
        """Whether a retry of a call may go out; takes it from the budget."""
        spent = self._of(served).spend()
        if spent:
            self.on_news()
        return spent

    def keep(self, known: Container[Served]) -> None:
        """Forget every other release."""
        self._budgets = {key: budget for key, budget in self._budgets.items() if key in known}

    def news(self) -> dict[str, float]:
        """What was earned and spent since the last time, by model and release in one text."""
        found = {key: budget.untold for key, budget in self._budgets.items() if budget.untold}
        for key in found:
            self._budgets[key].untold = 0.0
        return {_text(key): untold for key, untold in found.items()}

    def learn(self, left: Mapping[str, float], processes: int) -> None:
        """Take in what is left in all `processes` together, by such texts; whatever is not there is whole."""
        self._left, self._processes = left, processes
        for key, budget in self._budgets.items():
            budget.set(self._part(key), self._top)

    def _of(self, served: Served) -> RetryBudget:
        budget = self._budgets.get(served)
        if budget is None:
            budget = self._budgets[served] = RetryBudget(self._part(served), self._top)
        return budget

    @property
    def low(self) -> bool:
        """Whether the budget of a model is not whole, as far as is known."""
        return bool(self._left)

    @property
    def _top(self) -> float:
        return max(RETRY_LEAST, RETRY_RESERVE / self._processes)

    def _part(self, served: Served) -> float:
        """What this process may spend of what is left."""
        left = self._left.get(_text(served), RETRY_RESERVE)
        return max(left / self._processes, min(left, RETRY_LEAST))


def _text(served: Served) -> str:
    name, release_id = served
    return f"{name} {release_id}"


def _nobody() -> None:
    """No other process is told."""
