"""Weights that were learned: one .npz file with its record. Refuses what is corrupted or is for other features."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.policies.learned.observation import DIGEST
from routing.policies.learned.policy import BASE, SIZE
from routing.scheduler.fleet import FleetLimits

LIMITS = ("max_active", "replicate", "calls_per_replica", "patience_s")


class WeightsError(ValueError):
    """A file of weights that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Learned:
    """Weights of the learned policy (the heuristic's first), its limits, and how they came to be.

    If validation found the network worse than the heuristic, `gated` is true and the network's part is zero.
    """

    weights: NDArray[np.float64]
    limits: FleetLimits
    record: Mapping[str, Any]
    gated: bool


def save(path: Path, weights: NDArray[np.float64], limits: FleetLimits, record: Mapping[str, Any]) -> None:
    """Write weights with their record; the file says itself what it holds. Raises WeightsError for bad numbers."""
    _check(path, weights)
    held = {name: getattr(limits, name) for name in LIMITS}
    text = json.dumps({**record, "limits": held, "features": DIGEST, "sha256": _digest(weights)}, sort_keys=True)
    np.savez(path, weights=weights, record=np.array(text))


def load(path: Path) -> Learned:
    """Read weights. Raises WeightsError if the file is missing, corrupted, or made for other features."""
    try:
        with np.load(path, allow_pickle=False) as held:
            weights, record = np.array(held["weights"], np.float64), json.loads(str(held["record"]))
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file; train the policy with make train") from error
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path}: not a file of weights ({error}); fetch it again or run make train") from error
    found = record.get("features")
    if found != DIGEST:
        raise WeightsError(
            f"{path}: trained on features {str(found)[:12]}, this program has {DIGEST[:12]} "
            "(routing/policies/learned/observation.py); run make train"
        )
    _check(path, weights)
    if record.get("sha256") != _digest(weights):
        raise WeightsError(f"{path}: the weights do not match their record's SHA-256; fetch the file again")
    gated = not record.get("gate", {}).get("passed", False)
    if gated:
        weights[BASE:] = 0.0
    return Learned(weights, FleetLimits(**{name: record["limits"][name] for name in LIMITS}), record, gated)


def _check(path: Path, weights: NDArray[np.float64]) -> None:
    if weights.shape != (SIZE,):
        raise WeightsError(f"{path}: holds weights of shape {weights.shape}, expected ({SIZE},); run make train")
    wrong = np.flatnonzero(~np.isfinite(weights))
    if len(wrong):
        raise WeightsError(f"{path}: weight {wrong[0]} is {weights[wrong[0]]}, expected a number; run make train")


def _digest(weights: NDArray[np.float64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(weights, "<f8").tobytes()).hexdigest()
