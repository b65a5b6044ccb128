"""Reward models whose fingerprint can't say everything: said once, and their tables not taken for granted."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import ScoreTableError

if TYPE_CHECKING:
    from tia2.scoring.manifest import ScoredReward

NAMED = 3
"""The number of parts that a message names."""

_WAYS_OUT = (
    "state a fingerprint of your own (docs: Write a reward plugin), or use --trust-fingerprint (trust_fingerprint=True)"
)


def warn_of_undigested(reward: ScoredReward) -> None:
    """Warn once of what decides a reward model's rewards and isn't in its fingerprint.

    Args:
        reward: The reward model.
    """
    if reward.undigested:
        warnings.warn(
            f"The fingerprint of reward {reward.name!r} doesn't cover {_named(reward)}, so a table of it is neither "
            f"resumed nor handed back: {_WAYS_OUT} if nothing of it changes.",
            stacklevel=3,
        )


def check_digested(reward: ScoredReward, folder: Path) -> None:
    """Refuse to continue a table of a reward model that may have changed unseen.

    Args:
        reward: The reward model.
        folder: The table's folder.

    Raises:
        ScoreTableError: Something that decides the rewards couldn't be digested.
    """
    if reward.undigested:
        raise ScoreTableError(
            f"{folder} holds a score table, and nothing says that it is of this {reward.name!r}: its fingerprint "
            f"doesn't cover {_named(reward)}. Score to another folder or with --overwrite (overwrite=True), "
            f"{_WAYS_OUT} if nothing of it has changed."
        )


def _named(reward: ScoredReward) -> str:
    return ", ".join(reward.undigested[:NAMED]) + (", …" if len(reward.undigested) > NAMED else "")
