"""What the score tables of a model say of the reward models behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.calibration.member_rewards import MemberRewards
from tia2.scoring.manifest import Manifest, ScoredReward

from ..data.board import Board
from ..data.records import Listing

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scored_rewards(board: Board, listing: Listing) -> list[ScoredReward]:
    """Return the reward models that a model's score tables were made with; read once for each board.

    Args:
        board: The board.
        listing: The model.

    Raises:
        ScoreTableError: A score table is missing or damaged.
    """

    def read() -> list[ScoredReward]:
        # The manifests alone: a table itself takes a hundred times as long to read.
        folders = [board.index.store.table_path(digest) for digest in listing.tables]
        return [Manifest.read(folder / "manifest.json").reward for folder in folders]

    return board.remember("scored rewards", tuple(listing.tables), read)


def reward_names(board: Board, listing: Listing) -> tuple[str, ...]:
    """Return what a model's score tables call their reward models.

    Args:
        board: The board.
        listing: The model.

    Raises:
        ScoreTableError: A score table is missing or damaged.
    """
    return tuple(reward.name for reward in scored_rewards(board, listing))


def member_rewards(board: Board, listing: Listing, rewards: Sequence[NDArray[Any]] = ()) -> MemberRewards:
    """Return the reward models of a model, as a calibration takes them.

    Args:
        board: The board.
        listing: The model.
        rewards: Rewards of the reward models, each of shape (images, |X|), NaN where there is no text; none if only
            names and temperatures matter.

    Raises:
        ScoreTableError: A score table is missing or damaged.
    """
    temperatures = tuple(reward.card.default_temperature for reward in scored_rewards(board, listing))
    mask = ~np.isnan(rewards[0]) if rewards else None
    return MemberRewards(reward_names(board, listing), tuple(rewards), mask, temperatures)
