"""Which models have a temperature to change, what it is, and where the board's own entries stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tia2.calibration.member_tables import Scaling
from tia2.calibration.method import Choice
from tia2.calibration.settings import PENALTIES, SCALES, Ensemble
from tia2.errors import LeaderboardError, unknown_name
from tia2.scoring.manifest import Manifest, ScoredReward

from ..data.board import Board
from ..data.memo import Recent, once
from ..data.records import CalibrationSpec, Listing


@dataclass(frozen=True)
class Tunable:
    """A model whose temperature can be changed: one reward model, or one way of making an ensemble of several.

    Attributes:
        id: The listing's, or, for its second way, an entry's.
        name: What menus call it.
        listing: The model.
        scaling: By temperature; "minmax" where the entries are made like that.
        ensemble: How several members become one; None for a single one.
        penalty: Weight of the variance, for the ensemble "ur" only.
        given: Temperature or scale that an entry itself names, if any.
    """

    id: str
    name: str
    listing: Listing
    scaling: Scaling
    ensemble: Ensemble | None
    penalty: float | None
    given: float | None


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

    setting: Choice
    name: str
    factor: float
    mean: float


_rewards: Recent[tuple[Any, ...], list[ScoredReward]] = Recent(size=256)
_factors: Recent[tuple[str, tuple[float, ...]], float | None] = Recent(size=512)


@once
def tunables(board: Board) -> Mapping[str, Tunable]:
    """Return the models whose temperature can be changed, by id, in the order of their names."""
    listings = {entry.listing.id: entry.listing for entry in board.entries if entry.listing is not None}
    found: dict[str, Tunable] = {}
    for listing in sorted(listings.values(), key=lambda one: (one.card.name.casefold(), one.id)):
        ways: dict[tuple[Scaling, Ensemble | None], list[CalibrationSpec]] = {}
        for spec in listing.calibrations:
            if spec.kind == "textnorm" and listing.entry_id(spec) in board.place:
                ways.setdefault((spec.scaling, spec.ensemble), []).append(spec)
        for (scaling, ensemble), specs in ways.items():
            first = next((spec for spec in specs if spec.setting == "fixed"), specs[0])
            marks = [
                listing.card.name,
                *([] if ensemble is None else ["mean" if ensemble == "mean" else "UR"]),
                *(["min-max"] if scaling == "minmax" else []),
            ]
            one = Tunable(
                id=listing.entry_id(first) if listing.id in found else listing.id,
                name=", ".join(marks),
                listing=listing,
                scaling=scaling,
                ensemble=ensemble,
                penalty=None if ensemble != "ur" else PENALTIES[0] if first.penalty is None else first.penalty,
                given=first.temperature if scaling == "temperature" else first.scale,
            )
            found[one.id] = one
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
    key = (board.index.folder, *model.listing.tables)
    rewards = _rewards.get(key, lambda: _read_rewards(board, model.listing))
    levels = []
    for reward in rewards:
        documented = reward.card.default_temperature if model.scaling == "temperature" else SCALES[0]
        level = model.given if documented is None else documented
        if level is None:
            raise LeaderboardError(f"No temperature is documented for {reward.name}, so there is none to change.")
        levels.append(float(level))
    return Members(tuple(reward.name for reward in rewards), tuple(levels))


def names_of(board: Board, listing: Listing) -> tuple[str, ...]:
    """Return what the score tables of a model call their reward models.

    Raises:
        ScoreTableError: A score table is missing or damaged.
    """
    key = (board.index.folder, *listing.tables)
    return tuple(reward.name for reward in _rewards.get(key, lambda: _read_rewards(board, listing)))


def points(board: Board, model: Tunable, scope: str, metric: str) -> list[Point]:
    """Return the board's own entries of a model: the fixed setting, the cross-validated one, and the oracle.

    Raises:
        LeaderboardError: No temperature is documented.
        ScoreTableError: A score table is missing or damaged.
    """
    base = members(board, model).levels
    means = board.estimate(scope, metric)
    found = []
    for spec in model.listing.calibrations:
        name = model.listing.entry_id(spec)
        if (spec.kind, spec.scaling, spec.ensemble) != ("textnorm", model.scaling, model.ensemble):
            continue
        if name not in board.place or (spec.setting == "fixed" and spec.penalty not in (None, model.penalty)):
            continue
        entry = board.entry(name)

        def factor_of(key: str = entry.key) -> float | None:
            return _factor(board.index.result(key).entry.settings, base)

        factor = _factors.get((entry.key, base), factor_of)
        if factor is not None:
            found.append(Point(spec.setting, entry.name, factor, float(means[board.place[name]])))
    return found


def _read_rewards(board: Board, listing: Listing) -> list[ScoredReward]:
    folders = [board.index.store.table_path(digest) for digest in listing.tables]
    return [Manifest.read(folder / "manifest.json").reward for folder in folders]


def _factor(settings: dict[str, Any], base: tuple[float, ...]) -> float | None:
    """Return the one factor that an entry's settings stand for; None if each member has its own."""
    own = [level / one for level, one in zip(settings.get("temperatures", base), base, strict=True)]
    if len({round(ratio, 9) for ratio in own}) > 1:
        return None
    chosen = settings.get("chosen", [settings])
    logs = [np.log(one["factor"] if "factor" in one else one["scale"] / base[0]) for one in chosen]
    weights = [one.get("prompts", 1) for one in chosen]
    return float(own[0] * np.exp(np.average(logs, weights=weights)))
