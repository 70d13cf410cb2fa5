"""Files of learned weights: what is taken, what is refused and in which words; inference without a compiler."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routing.lab.learn.simulator import entries
from routing.policies.learned import policy as learned
from routing.policies.learned import weights
from routing.policies.learned.observation import COUNT
from routing.policies.learned.policy import BASE, HIDDEN, SIZE
from routing.scheduler.fleet import FleetLimits

PASSED = {"gate": {"passed": True}}
LIMITS = FleetLimits(max_active=5, replicate=1.5, calls_per_replica=3.0, patience_s=90.0)


def some_weights() -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(0.0, 0.3, SIZE)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    given = some_weights()
    weights.save(tmp_path / "a.npz", given, LIMITS, PASSED)
    found = weights.load(tmp_path / "a.npz")
    assert np.array_equal(found.weights, given)
    assert found.limits == LIMITS
    assert not found.gated


def test_a_closed_gate_leaves_the_heuristic(tmp_path: Path) -> None:
    given = some_weights()
    weights.save(tmp_path / "a.npz", given, LIMITS, {"gate": {"passed": False}})
    found = weights.load(tmp_path / "a.npz")
    assert found.gated
    assert np.array_equal(found.weights[:BASE], given[:BASE])
    assert not found.weights[BASE:].any()


def rewritten(path: Path, given: NDArray[np.float64], **changed: object) -> None:
    with np.load(path) as held:
        record = json.loads(str(held["record"]))
    np.savez(path, weights=given, record=np.array(json.dumps({**record, **changed})))


def test_weights_of_other_features_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    weights.save(path, some_weights(), LIMITS, PASSED)
    rewritten(path, some_weights(), features="0" * 64)
    with pytest.raises(weights.WeightsError, match=r"trained on features 000000000000.*make train"):
        weights.load(path)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    weights.save(path, some_weights(), LIMITS, PASSED)
    rewritten(path, some_weights() + 1e-9)
    with pytest.raises(weights.WeightsError, match="SHA-256"):
        weights.load(path)


@pytest.mark.parametrize("content", [b"", b"not a file of weights", b"PK\x03\x04 broken"])
def test_corrupted_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(weights.WeightsError, match="not a file of weights"):
        weights.load(tmp_path / "a.npz")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    weights.save(path, some_weights(), LIMITS, PASSED)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(weights.WeightsError, match="not a file of weights"):
        weights.load(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match="make train"):
        weights.load(tmp_path / "none.npz")


def test_numbers_that_are_none_and_other_shapes_are_refused(tmp_path: Path) -> None:
    wrong = some_weights()
    wrong[7] = np.nan
    with pytest.raises(weights.WeightsError, match="weight 7 is nan"):
        weights.save(tmp_path / "a.npz", wrong, LIMITS, PASSED)
    with pytest.raises(weights.WeightsError, match="shape"):
        weights.save(tmp_path / "a.npz", wrong[:-1], LIMITS, PASSED)


def test_numpy_scores_as_the_compiled_network_does() -> None:
    given = some_weights()
    rows = np.random.default_rng(2).normal(0.0, 2.0, (200, COUNT))
    hidden = np.zeros(2 * HIDDEN)
    compiled = [row[0] + learned.network(row, given[BASE:], hidden) for row in rows]
    assert np.allclose(learned.learned_scores(rows, given), compiled, rtol=1e-10, atol=1e-10)


def test_500_candidates_are_scored_within_a_millisecond() -> None:
    given, rows = some_weights(), np.random.default_rng(3).normal(0.0, 2.0, (500, COUNT))
    taken = []
    for _ in range(300):
        began = time.perf_counter()
        learned.learned_scores(rows, given)
        taken.append(time.perf_counter() - began)
    assert np.quantile(taken, 0.5) < 1e-3


def test_the_shipped_weights_fit_and_say_how_they_came_to_be() -> None:
    found = weights.load(entries.WEIGHTS / "ppo.npz")
    for name in ("gate", "plan", "rounds", "minutes", "training_seeds", "curve", "machine", "date"):
        assert name in found.record
    assert found.record["training_seeds"][0] >= 1_000_000
