"""Proximal policy optimisation over recorded decisions (Schulman et al., arXiv 1707.06347), in torch.

There is no critic. Each workload is simulated several times, and a decision is judged by what it cost from then on
against what the other rollouts cost from the same time on: the traffic's luck, which they share, falls out
(input-dependent baselines, arXiv 1807.02264; docs/adr/0009). Decisions happen at uneven times, so costs fade with time.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from routing.lab.learn.training.rollout import Log, LogTotal, recorded
from routing.policies.learned.observation import Feature
from routing.policies.learned.policy import HIDDEN, INPUTS, SEEN

CLIP, MOST_KL, EPOCHS = 0.2, 0.02, 2


class ScoreNetwork(nn.Module):
    """The learned part of a candidate's score, at first zero. `inverse_temperature` sharpens the draw."""

    def __init__(self, inverse_temperature: float = 1.0) -> None:
        super().__init__()
        self.inverse_temperature = inverse_temperature
        self.first, self.second = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.last = nn.Linear(HIDDEN, 1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, rows: Tensor, options: Tensor) -> Tensor:
        """Log probabilities of all options (rows of one decision after the other; `options` says how many each)."""
        learned = self.last(torch.relu(self.second(torch.relu(self.first(rows[:, SEEN:]))))).squeeze(-1)
        scores = self.inverse_temperature * (rows[:, Feature.BASE_SCORE] + learned)
        owner = torch.repeat_interleave(options)
        empty = torch.full_like(options, -torch.inf, dtype=scores.dtype)
        highest = empty.scatter_reduce(0, owner, scores.detach(), "amax")
        raised = scores - highest[owner]
        total = torch.zeros_like(empty).index_add(0, owner, raised.exp())
        log_probabilities: Tensor = raised - total.log()[owner]
        return log_probabilities

    def vector(self) -> NDArray[np.float64]:
        """All weights in the order in which the compiled policy reads them."""
        layers = [self.first.weight.T, self.first.bias, self.second.weight.T, self.second.bias, self.last.weight]
        return np.concatenate([layer.detach().cpu().double().numpy().ravel() for layer in layers])


@dataclass(frozen=True, slots=True)
class Batch:
    """Decisions of several rollouts with their advantages."""

    rows: Tensor
    options: Tensor
    taken: Tensor
    likelihood: Tensor
    advantage: Tensor


@dataclass(frozen=True, slots=True)
class Learner:
    """The actor and its optimiser."""

    actor: ScoreNetwork
    optimiser: torch.optim.Adam


def learner(rate: float, device: str, inverse_temperature: float = 1.0) -> Learner:
    """A new learner whose policy is the heuristic."""
    actor = ScoreNetwork(inverse_temperature).to(device)
    return Learner(actor, torch.optim.Adam(actor.parameters(), lr=rate))


def gains(log: Log, horizon_s: float) -> NDArray[np.float64]:
    """Minus what a rollout cost from each of its decisions on; `horizon_s` later a second counts e times less."""
    count = recorded(log)
    at, cost = log.at[:count], np.append(log.cost[:count], log.total[LogTotal.COST])
    paid, kept = np.diff(cost), np.exp(-np.append(np.diff(at), 0.0) / horizon_s)
    gathered = np.zeros(count)
    running = 0.0
    for place in range(count - 1, -1, -1):
        running = kept[place] * running - paid[place]
        gathered[place] = running
    return gathered


def compared(at: list[NDArray[np.float64]], gained: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Gains in several rollouts of one workload, each less the others' mean at its time, over their common spread.

    `at` are the decisions' times, seconds; a rollout that is over has no gain any more. One rollout alone is centred.
    """
    others = len(at) - 1
    if others == 0:
        against = [np.full_like(gained[0], gained[0].mean())]
    else:
        pairs = list(zip(at, gained, strict=True))
        against = [
            sum((np.interp(now, *pair, right=0.0) for pair in pairs if pair[0] is not now), np.zeros(len(now))) / others
            for now in at
        ]
    found = [one - theirs for one, theirs in zip(gained, against, strict=True)]
    spread = float(np.concatenate(found).std()) + 1e-8
    return [one / spread for one in found]


def batch_of(rollouts: list[list[Log]], horizon_s: float, device: str = "cpu") -> Batch:
    """All decisions of the rollouts of each workload, advantages of equal spread so that none drowns the others."""
    logs = [log for several in rollouts for log in several]
    parts: dict[str, NDArray[np.generic]] = {
        name: np.concatenate([getattr(log, name)[: recorded(log)] for log in logs])
        for name in ("options", "taken", "likelihood")
    }
    parts["rows"] = np.concatenate([log.rows[: int(log.total[LogTotal.ROWS])] for log in logs])
    told: list[NDArray[np.float64]] = []
    for several in rollouts:
        told += compared(
            [log.at[: recorded(log)] for log in several],
            [gains(log, horizon_s) for log in several],
        )
    parts["advantage"] = np.concatenate(told).astype(np.float32)
    return Batch(**{name: torch.from_numpy(part).to(device) for name, part in parts.items()})


def update(learner: Learner, batch: Batch, entropy_weight: float) -> dict[str, float]:
    """Some steps on the whole batch; stops early if the policy has moved far. Returns what to plot."""
    seen = {"kl": 0.0, "entropy": 0.0, "decisions": float(len(batch.taken))}
    for _ in range(EPOCHS):
        seen |= _one_step(learner, batch, entropy_weight)
        if seen["kl"] > MOST_KL:
            break
    return seen


def _one_step(learner: Learner, batch: Batch, entropy_weight: float) -> dict[str, float]:
    log_probabilities = learner.actor(batch.rows, batch.options)
    now = log_probabilities[batch.options.cumsum(0) - batch.options + batch.taken]
    ratio = torch.exp(now - batch.likelihood)
    gain = torch.minimum(ratio * batch.advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * batch.advantage).mean()
    entropy = -(log_probabilities.exp() * log_probabilities).sum() / len(now)
    learner.optimiser.zero_grad()
    (-gain - entropy_weight * entropy).backward()
    nn.utils.clip_grad_norm_(learner.actor.parameters(), 1.0)
    learner.optimiser.step()
    return {"kl": (batch.likelihood - now).mean().item(), "entropy": entropy.item()}
