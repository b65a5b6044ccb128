"""Which models of a board have a temperature to change, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tia2.calibration.base import Calibration
from tia2.errors import LeaderboardError, ResultError, ScoreTableError, unknown_name

from ...data.board import Board
from ...data.records import Listing
from ..scored_rewards import member_rewards


@dataclass(frozen=True)
class AdjustableModel:
    """A model whose temperature can be changed: one reward model, or one ensemble of several.

    Attributes:
        id: Id of the listing; of a listing's second ensemble, id of its entry.
        name: Name in menus.
        listing: The model.
        calibration: Its calibration at factor 1: with documented temperatures, where the cards document them.
    """

    id: str
    name: str
    listing: Listing
    calibration: Calibration


@dataclass(frozen=True)
class Members:
    """The reward models behind a model.

    Attributes:
        names: Names in their score tables.
        levels: Their documented temperatures, or what stands for them, such as min-max scales: what a factor
            multiplies.
    """

    names: tuple[str, ...]
    levels: tuple[float, ...]


def adjustable_models(board: Board) -> Mapping[str, AdjustableModel]:
    """Return the models whose temperature can be changed, by id, in the order of their names."""
    return board.remember("adjustable models", None, lambda: _adjustable_models(board))


def _adjustable_models(board: Board) -> Mapping[str, AdjustableModel]:
    listings = {entry.listing.id: entry.listing for entry in board.entries if entry.listing is not None}
    firsts = [
        (listing, calibrations)
        for listing in sorted(listings.values(), key=lambda listing: (listing.card.name.casefold(), listing.id))
        for calibrations in _by_form(board, listing)
    ]
    # On most boards every model has the same kind of calibration, which then goes without saying.
    several_kinds = len({calibrations[0].base_title for _, calibrations in firsts}) > 1
    models: dict[str, AdjustableModel] = {}
    for listing, calibrations in firsts:
        first = next((each for each in calibrations if each.setting == "fixed"), calibrations[0])
        fixed = first.fixed
        marks = [
            *([fixed.title] if fixed.combines else []),
            *([fixed.base_title] if several_kinds else []),
            *fixed.words,
        ]
        model = AdjustableModel(
            id=listing.entry_id(first) if listing.id in models else listing.id,
            name=", ".join([listing.card.name, *marks]),
            listing=listing,
            calibration=_at_factor_1(board, listing, fixed),
        )
        models[model.id] = model
    return models


def adjustable_model(board: Board, model_id: str) -> AdjustableModel:
    """Return a model whose temperature can be changed.

    Args:
        board: The board.
        model_id: Key of `adjustable_models`.

    Raises:
        UnknownNameError: There is none of this id.
    """
    models = adjustable_models(board)
    if model_id not in models:
        raise unknown_name("model", model_id, list(models)[:20])
    return models[model_id]


def members(board: Board, model: AdjustableModel) -> Members:
    """Return the members of a model, and what a factor multiplies.

    Args:
        board: The board.
        model: The model.

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


def form(calibration: Calibration) -> tuple[Any, ...]:
    """Return what calibrations share that differ in numbers, or in how these are chosen, alone.

    Args:
        calibration: The calibration.
    """
    fixed = calibration.fixed
    return fixed.registry_name, fixed.base_title, fixed.words


def _by_form(board: Board, listing: Listing) -> list[list[Calibration]]:
    """Return a listing's calibrations that have a temperature and are shown, those of one form together."""
    forms: dict[tuple[Any, ...], list[Calibration]] = {}
    for calibration in listing.calibrations:
        if calibration.fixed.scaled(1.0) is not None and listing.entry_id(calibration) in board.positions:
            forms.setdefault(form(calibration), []).append(calibration)
    return list(forms.values())


def _at_factor_1(board: Board, listing: Listing, fixed: Calibration) -> Calibration:
    documented = fixed.documented()
    try:
        documented.levels(member_rewards(board, listing))
    except (ResultError, ScoreTableError):
        # No card documents a temperature, or none can be read: the entry's own is then what a factor multiplies.
        return fixed
    return documented
