"""Which models have a temperature to change, what it is, and where the board's own entries stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.calibration.base import TEXTNORM, Calibration
from tia2.calibration.member_rewards import MemberRewards
from tia2.errors import LeaderboardError, ResultError, ScoreTableError, unknown_name
from tia2.scoring.manifest import Manifest, ScoredReward

from ..data.board import Board
from ..data.records import Listing

if TYPE_CHECKING:
    from numpy.typing import NDArray

FACTORS = 512
"""Factors of entries that stay in memory."""


@dataclass(frozen=True)
class Tunable:
    """A model whose temperature can be changed: one reward model, or one way of making an ensemble of several.

    Attributes:
        id: The listing's, or, for its second way, an entry's.
        name: What menus call it.
        listing: The model.
        calibration: Its calibration at factor 1: with documented temperatures, where the cards document them.
    """

    id: str
    name: str
    listing: Listing
    calibration: Calibration


@dataclass(frozen=True)
class Members:
    """The reward models behind it.

    Attributes:
        names: What their score tables call them.
        levels: Their documented temperatures, or min-max scales: what a factor multiplies.
    """

    names: tuple[str, ...]
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Point:
    """An entry of the board on the plane of the curve.

    Attributes:
        setting: How its temperature was chosen.
        name: The entry's.
        factor: Where it stands; the geometric mean, weighted by prompts, of several chosen factors.
        mean: Its figure on the board.
    """

    setting: str
    name: str
    factor: float
    mean: float


def tunables(board: Board) -> Mapping[str, Tunable]:
    """Return the models whose temperature can be changed, by id, in the order of their names."""
    return board.remember("tunables", None, lambda: _tunables(board))


def _tunables(board: Board) -> Mapping[str, Tunable]:
    listings = {entry.listing.id: entry.listing for entry in board.entries if entry.listing is not None}
    found: dict[str, Tunable] = {}
    for listing in sorted(listings.values(), key=lambda one: (one.card.name.casefold(), one.id)):
        forms: dict[tuple[Any, ...], list[Calibration]] = {}
        for calibration in listing.calibrations:
            if calibration.fixed.scaled(1.0) is not None and listing.entry_id(calibration) in board.place:
                forms.setdefault(_form(calibration), []).append(calibration)
        for calibrations in forms.values():
            first = next((each for each in calibrations if each.setting == "fixed"), calibrations[0])
            fixed = first.fixed
            marks = [
                listing.card.name,
                *([fixed.title] if fixed.combines else []),
                *([] if fixed.base_title == TEXTNORM else [fixed.base_title]),
                *fixed.words,
            ]
            model = Tunable(
                id=listing.entry_id(first) if listing.id in found else listing.id,
                name=", ".join(marks),
                listing=listing,
                calibration=_at_factor_1(board, listing, fixed),
            )
            found[model.id] = model
    return found


def tunable(board: Board, model_id: str) -> Tunable:
    """Return one of them.

    Raises:
        UnknownNameError: There is none of this id.
    """
    found = tunables(board)
    if model_id not in found:
        raise unknown_name("model", model_id, list(found)[:20])
    return found[model_id]


def members(board: Board, model: Tunable) -> Members:
    """Return the members of a model, and what a factor multiplies.

    Raises:
        LeaderboardError: No temperature is documented.
        ScoreTableError: A score table is missing or damaged.
    """
    rewards = member_rewards(board, model.listing)
    try:
        return Members(rewards.names, model.calibration.levels(rewards))
    except ResultError:
        raise LeaderboardError(
            f"No temperature is documented for {' or '.join(rewards.names)}, so there is none to change."
        ) from None


def member_rewards(board: Board, listing: Listing, rewards: Sequence[NDArray[Any]] = ()) -> MemberRewards:
    """Return the reward models of a listing, as a calibration takes them.

    Args:
        board: The board.
        listing: The model.
        rewards: Rewards of the reward models, each of shape (images, |X|), NaN where there is no text; none if only
            names and temperatures matter.

    Raises:
        ScoreTableError: A score table is missing or damaged.
    """
    scored = board.remember("scored rewards", tuple(listing.tables), lambda: _read_rewards(board, listing))
    mask = ~np.isnan(rewards[0]) if rewards else None
    temperatures = tuple(reward.card.default_temperature for reward in scored)
    return MemberRewards(tuple(reward.name for reward in scored), tuple(rewards), mask, temperatures)


def names_of(board: Board, listing: Listing) -> tuple[str, ...]:
    """Return what the score tables of a model call their reward models.

    Raises:
        ScoreTableError: A score table is missing or damaged.
    """
    key = tuple(listing.tables)
    return tuple(reward.name for reward in board.remember("scored rewards", key, lambda: _read_rewards(board, listing)))


def points(board: Board, model: Tunable, scope: str, metric: str) -> list[Point]:
    """Return the board's own entries of a model: the fixed setting, the cross-validated one, and the oracle.

    Raises:
        LeaderboardError: No temperature is documented.
        ScoreTableError: A score table is missing or damaged.
    """
    base = members(board, model).levels
    means = board.estimate(scope, metric)
    found = []
    for calibration in model.listing.calibrations:
        name = model.listing.entry_id(calibration)
        if name not in board.place or _form(calibration) != _form(model.calibration):
            continue
        if calibration.setting == "fixed" and calibration.documented() != model.calibration.documented():
            continue  # another penalty
        entry = board.entry(name)

        def factor_of(key: str = entry.key) -> float | None:
            return _factor(board.index.result(key).entry.settings, base)

        factor = board.remember("factor", (entry.key, base), factor_of, FACTORS)
        if factor is not None:
            found.append(Point(calibration.setting, entry.name, factor, float(means[board.place[name]])))
    return found


def _form(calibration: Calibration) -> tuple[Any, ...]:
    """Return what entries share whose numbers alone differ."""
    fixed = calibration.fixed
    return fixed.registry_name, fixed.base_title, fixed.words


def _at_factor_1(board: Board, listing: Listing, fixed: Calibration) -> Calibration:
    documented = fixed.documented()
    try:
        documented.levels(member_rewards(board, listing))
    except (ResultError, ScoreTableError):
        return fixed
    return documented


def _read_rewards(board: Board, listing: Listing) -> list[ScoredReward]:
    folders = [board.index.store.table_path(digest) for digest in listing.tables]
    return [Manifest.read(folder / "manifest.json").reward for folder in folders]


def _factor(settings: dict[str, Any], base: tuple[float, ...]) -> float | None:
    """Return the one factor that an entry's settings stand for; None if each member has its own."""
    own = [level / one for level, one in zip(settings.get("temperatures", base), base, strict=True)]
    if len({round(ratio, 9) for ratio in own}) > 1:
        return None
    chosen = settings.get("chosen", [settings])
    if not all("factor" in one or "scale" in one for one in chosen):
        return None
    logs = [np.log(one["factor"] if "factor" in one else one["scale"] / base[0]) for one in chosen]
    weights = [one.get("prompts", 1) for one in chosen]
    return float(own[0] * np.exp(np.average(logs, weights=weights)))
