"""Which entry a run was trained on: not by name, but by the digests of its reward models and by its calibration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tia2.calibration.base import Calibration
from tia2.calibration.registry import calibration_of
from tia2.errors import Tia2Error


class EntryIdentity(NamedTuple):
    """What makes two entries the same.

    Attributes:
        fingerprints: Digests of the reward models, sorted: an ensemble's members have no order.
        calibration: The calibration as JSON, its fields sorted.
    """

    fingerprints: tuple[str, ...]
    calibration: str

    @classmethod
    def of(cls, fingerprints: Iterable[str], calibration: Calibration) -> EntryIdentity:
        """Return the identity of an entry of these reward models with this calibration."""
        return cls(tuple(sorted(fingerprints)), json.dumps(calibration.model_dump(mode="json"), sort_keys=True))

    @classmethod
    def recorded(cls, entry: Any) -> EntryIdentity | None:
        """Return the identity that a run's `run.json` gives of one of its entries; None where it gives none.

        Args:
            entry: {"rewards": [{"fingerprint": …}, …], "calibration": {…}}, or anything else that somebody wrote.
        """
        if not isinstance(entry, Mapping) or not isinstance(entry.get("rewards"), list):
            return None
        listed = [reward.get("fingerprint") if isinstance(reward, Mapping) else None for reward in entry["rewards"]]
        prints = [digest for digest in listed if isinstance(digest, str)]
        if not prints or len(prints) < len(listed):
            return None
        try:
            # Read and written again, so that a field that a later version added has its default.
            calibration = calibration_of(entry.get("calibration", ""))
        except (Tia2Error, TypeError):
            return None
        return cls.of(prints, calibration)
