"""Facts about a model that no schema holds: limits, modalities, capabilities, price, shutdown (rules 66-73)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from versions.diff.findings import DiffFinding, Direction
from versions.diff.lifecycle import day
from versions.diff.policy import DiffPolicy
from versions.diff.rules import fact
from versions.diff.values import same

NEAR = timedelta(days=30)
Told = tuple[str, str, Any, Any]


@dataclass(slots=True)
class Facts:
    """What was read. Prices are per `unit` tokens in `currency`; `ends` are dates that callers are told.

    `other` holds facts without a rule of their own.
    """

    type: str = ""
    mode: str = ""
    deprecated: bool = False
    limits: dict[str, Any] = field(default_factory=dict)
    modalities: dict[str, frozenset[str]] = field(default_factory=dict)
    capabilities: frozenset[str] = frozenset()
    options: dict[str, frozenset[str]] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    prices: dict[str, Any] = field(default_factory=dict)
    unit: Any = None
    currency: str = ""
    shutdown: str | None = None
    ends: dict[str, Any] = field(default_factory=dict)
    snapshot: dict[str, Any] = field(default_factory=dict)
    tokenizer: dict[str, Any] = field(default_factory=dict)
    address: dict[str, Any] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)


def compare_facts(old: Facts, new: Facts, policy: DiffPolicy, pointers: dict[str, str]) -> list[DiffFinding]:
    """The findings of two sets of facts."""
    told: list[Told] = []
    for reader in (_identity, _limits, _sets, _snapshot, _address, _ends, _others):
        told += reader(old, new)
    told += _prices(old, new, policy)
    told += _shutdown(old, new, policy)
    return [
        fact(key, Direction.REQUEST, "model", name, (was, now), _where(pointers, name)) for key, name, was, now in told
    ]


def _where(pointers: dict[str, str], name: str) -> tuple[str, str]:
    pointer = pointers.get(name, "")
    return pointer, pointer


def _identity(old: Facts, new: Facts) -> Iterator[Told]:
    if old.type != new.type:
        yield "model-type-changed", "model type", old.type, new.type
    if old.mode != new.mode:
        yield "model-type-changed", "mode", old.mode, new.mode
    if new.deprecated and not old.deprecated:
        yield "deprecated", "the model", None, new.shutdown
    elif old.deprecated and not new.deprecated:
        yield "reactivated", "the model", None, None


def _limits(old: Facts, new: Facts) -> Iterator[Told]:
    for name in {**old.limits, **new.limits}:
        before, after = number(old.limits.get(name)), number(new.limits.get(name))
        if before == after:
            continue
        if before is None and after is not None:
            yield "limit-stated", name, None, after
        elif after is None:
            yield "limit-unstated", name, before, new.limits.get(name)
        elif before is not None:
            yield ("limit-lowered" if after < before else "limit-raised"), name, before, after


def _sets(old: Facts, new: Facts) -> Iterator[Told]:
    for lost in sorted(old.capabilities - new.capabilities):
        yield "capability-lost", f"capability {lost}", lost, None
    for gained in sorted(new.capabilities - old.capabilities):
        yield "capability-gained", f"capability {gained}", None, gained
    for name in {**old.modalities, **new.modalities}:
        before, after = old.modalities.get(name, frozenset()), new.modalities.get(name, frozenset())
        for lost in sorted(before - after):
            yield "modality-dropped", name, lost, None
        for gained in sorted(after - before):
            yield "modality-added", name, None, gained
    for name in {**old.options, **new.options}:
        before, after = old.options.get(name, frozenset()), new.options.get(name, frozenset())
        for lost in sorted(before - after):
            yield "fact-option-removed", name, lost, None
        for gained in sorted(after - before):
            yield "fact-option-added", name, None, gained
    for name in {**old.defaults, **new.defaults}:
        if not same(old.defaults.get(name), new.defaults.get(name)):
            yield "default-changed", name, old.defaults.get(name), new.defaults.get(name)


def _snapshot(old: Facts, new: Facts) -> Iterator[Told]:
    for key, before, after in (
        ("snapshot-changed", old.snapshot, new.snapshot),
        ("tokenizer-changed", old.tokenizer, new.tokenizer),
    ):
        for name in {**before, **after}:
            if not same(before.get(name), after.get(name)):
                yield key, name, before.get(name), after.get(name)


def _address(old: Facts, new: Facts) -> Iterator[Told]:
    for name in {**old.address, **new.address}:
        if not same(old.address.get(name), new.address.get(name)):
            yield "server-moved", name, old.address.get(name), new.address.get(name)


def _ends(old: Facts, new: Facts) -> Iterator[Told]:
    for name in {**old.ends, **new.ends}:
        if not same(old.ends.get(name), new.ends.get(name)):
            yield "end-date-changed", name, old.ends.get(name), new.ends.get(name)


def _others(old: Facts, new: Facts) -> Iterator[Told]:
    for name in {**old.other, **new.other}:
        if not same(old.other.get(name), new.other.get(name)):
            yield "unknown-keyword", name, old.other.get(name), new.other.get(name)


def _prices(old: Facts, new: Facts, policy: DiffPolicy) -> Iterator[Told]:
    if old.prices and new.prices and old.currency != new.currency:
        yield "price-unknown", "price currency", old.currency, new.currency
        return
    for name in {**old.prices, **new.prices}:
        before, after = _per_token(old.prices.get(name), old.unit), _per_token(new.prices.get(name), new.unit)
        words = old.prices.get(name), new.prices.get(name)
        if before == after and (before is not None or same(*words)):
            continue
        label = f"price {name}"
        if before is None or after is None:
            yield (
                ("price-changed" if words[1] is None or (words[0] is None and not old.prices) else "price-unknown"),
                label,
                *words,
            )
            continue
        risen = after > before and (
            before == 0 or (after - before) / before * 100 > Decimal(str(policy.price_rise_percent))
        )
        yield ("price-raised" if risen else "price-changed"), label, *words


def _per_token(price: Any, unit: Any) -> Decimal | None:
    """The price of one token; None if it is not a number."""
    amount, size = number(price), number(unit) if unit is not None else Decimal(1)
    return None if amount is None or size is None else amount * size


def _shutdown(old: Facts, new: Facts, policy: DiffPolicy) -> Iterator[Told]:
    if old.shutdown == new.shutdown:
        return
    ends = day(new.shutdown)
    if new.shutdown is None:
        yield "reactivated", "the model", old.shutdown, None
    elif ends is None:
        yield "unreadable", "shutdown date", old.shutdown, f"no date: {new.shutdown}"
    else:
        yield ("shutdown-near" if ends - policy.at() < NEAR else "shutdown-set"), "shutdown", old.shutdown, new.shutdown


def number(value: Any) -> Decimal | None:
    """A number as it was written, also where it was written as text; None if it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = Decimal(str(value).strip().replace("_", ""))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
