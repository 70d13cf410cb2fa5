"""Proximal policy optimisation over recorded decisions (Schulman et al., arXiv 1707.06347), in torch.

Decisions happen at uneven times, so discount and trace decay with time: gamma = exp(-dt / HORIZON_S), lambda =
exp(-dt / trace_s). Two baselines take the traffic's luck out of the advantage (input-dependent baselines, arXiv
1807.02264): the critic sees the work that will arrive, which the policy does not; and each workload is played several
times, so that a decision is judged by what came of it against what came of the others' at the same time.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from routing.learn.rollout import SITUATION, Log
from routing.policies.learned import HIDDEN, INPUTS

HORIZON_S = 600.0
CLIP, MOST_KL, EPOCHS, BATCH = 0.2, 0.02, 4, 4096
CRITIC = 64


class Actor(nn.Module):
    """The learned part of a candidate's score, at first zero. Options are drawn by `sharper` times their scores."""

    def __init__(self, sharper: float = 1.0) -> None:
        super().__init__()
        self.sharper = sharper
        self.first, self.second = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.last = nn.Linear(HIDDEN, 1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, rows: Tensor, options: Tensor) -> Tensor:
        """Log probabilities of all options (rows of one decision after the other; `options` says how many each)."""
        learned = self.last(torch.relu(self.second(torch.relu(self.first(rows[:, 1:]))))).squeeze(-1)
        scores = self.sharper * (rows[:, 0] + learned)
        owner = torch.repeat_interleave(options)
        empty = torch.full_like(options, -torch.inf, dtype=scores.dtype)
        highest = empty.scatter_reduce(0, owner, scores.detach(), "amax")
        raised = scores - highest[owner]
        total = torch.zeros_like(empty).index_add(0, owner, raised.exp())
        chances: Tensor = raised - total.log()[owner]
        return chances

    def vector(self) -> NDArray[np.float64]:
        """All weights in the order in which the compiled policy reads them."""
        layers = [self.first.weight.T, self.first.bias, self.second.weight.T, self.second.bias, self.last.weight]
        return np.concatenate([layer.detach().cpu().double().numpy().ravel() for layer in layers])


def critic() -> nn.Sequential:
    """Expected discounted cost from a situation, up to sign and scale."""
    return nn.Sequential(
        nn.Linear(SITUATION, CRITIC), nn.Tanh(), nn.Linear(CRITIC, CRITIC), nn.Tanh(), nn.Linear(CRITIC, 1)
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Decisions of several plays with their advantages and returns."""

    rows: Tensor
    first: Tensor
    options: Tensor
    taken: Tensor
    likelihood: Tensor
    situation: Tensor
    advantage: Tensor
    value: Tensor


@dataclass(frozen=True, slots=True)
class Learner:
    """Actor, critic and their optimiser."""

    actor: Actor
    critic: nn.Sequential
    optimiser: torch.optim.Adam


def learner(rate: float, device: str, sharper: float = 1.0) -> Learner:
    """A new learner whose policy is the heuristic."""
    actor, value = Actor(sharper).to(device), critic().to(device)
    return Learner(actor, value, torch.optim.Adam([*actor.parameters(), *value.parameters()], lr=rate))


def advantages(
    log: Log, values: NDArray[np.float64], scale: float, trace_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Generalised advantages and value targets of one episode's decisions; `scale` is the cost that counts as one."""
    count = int(log.total[0])
    at, cost = log.at[:count], np.append(log.cost[:count], log.total[2])
    waited = np.append(np.diff(at), 0.0)
    reward = -np.diff(cost) / scale
    gamma, trace = np.exp(-waited / HORIZON_S), np.exp(-waited / trace_s)
    following = np.append(values[1:], 0.0)
    surprise = reward + gamma * following - values
    gathered = np.zeros(count)
    running = 0.0
    for place in range(count - 1, -1, -1):
        running = surprise[place] + gamma[place] * trace[place] * running
        gathered[place] = running
    return gathered, gathered + values


def compared(at: list[NDArray[np.float64]], gained: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Advantages in several plays of one workload, each less the others' mean at its time, over their common spread.

    `at` are the decisions' times, seconds; a play that is over has no advantage any more. One play alone is centred.
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


def batch_of(learner: Learner, plays: list[list[Log]], scales: list[float], trace_s: float) -> Batch:
    """All decisions of the plays of each workload, advantages of equal spread so that none drowns the others."""
    logs = [log for several in plays for log in several]
    counts = [int(log.total[0]) for log in logs]
    parts: dict[str, NDArray[np.generic]] = {
        name: np.concatenate([getattr(log, name)[:count] for log, count in zip(logs, counts, strict=True)])
        for name in ("options", "taken", "likelihood", "situation")
    }
    parts["rows"] = np.concatenate([log.rows[: int(log.total[1])] for log in logs])
    parts["first"] = np.cumsum(parts["options"]) - parts["options"]
    device = next(learner.critic.parameters()).device
    tensors = {name: torch.from_numpy(part).to(device) for name, part in parts.items()}
    with torch.no_grad():
        values = learner.critic(tensors["situation"]).squeeze(-1).cpu().double().numpy()
    valued = iter(np.split(values, np.cumsum(counts)[:-1]))
    gained, targets = [], []
    for several, scale in zip(plays, scales, strict=True):
        both = [advantages(log, next(valued), scale, trace_s) for log in several]
        gained += compared([log.at[: int(log.total[0])] for log in several], [one for one, _ in both])
        targets += [target for _, target in both]
    fresh = {"advantage": np.concatenate(gained), "value": np.concatenate(targets)}
    tensors |= {name: torch.from_numpy(part).float().to(device) for name, part in fresh.items()}
    return Batch(**tensors)


def update(learner: Learner, batch: Batch, entropy_weight: float) -> dict[str, float]:
    """Some epochs over the batch; stops early where the policy has moved far. Returns what to plot."""
    count = len(batch.taken)
    seen = {"kl": 0.0, "entropy": 0.0, "value_loss": 0.0, "epochs": 0.0}
    for _ in range(EPOCHS):
        for few in torch.split(torch.randperm(count, device=batch.taken.device), BATCH):
            seen |= _one_step(learner, batch, few, entropy_weight)
        seen["epochs"] += 1
        if seen["kl"] > MOST_KL:
            break
    with torch.no_grad():
        missed = (batch.value - learner.critic(batch.situation).squeeze(-1)).var() / batch.value.var()
    return {**seen, "explained": 1.0 - missed.item()}


def _one_step(learner: Learner, batch: Batch, few: Tensor, entropy_weight: float) -> dict[str, float]:
    options = batch.options[few]
    ends = options.cumsum(0)
    within = torch.arange(int(ends[-1]), device=few.device) - torch.repeat_interleave(ends - options, options)
    chances = learner.actor(batch.rows[torch.repeat_interleave(batch.first[few], options) + within], options)
    now = chances[ends - options + batch.taken[few]]
    ratio = torch.exp(now - batch.likelihood[few])
    advantage = batch.advantage[few]
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
    entropy = -(chances.exp() * chances).sum() / len(few)
    error = (learner.critic(batch.situation[few]).squeeze(-1) - batch.value[few]).square().mean()
    loss = 0.5 * error - gain - entropy_weight * entropy
    learner.optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([*learner.actor.parameters(), *learner.critic.parameters()], 1.0)
    learner.optimiser.step()
    moved = (batch.likelihood[few] - now).mean()
    return {"kl": moved.item(), "entropy": entropy.item(), "value_loss": error.item()}
