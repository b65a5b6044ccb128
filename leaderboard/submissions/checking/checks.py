"""What a submission's card, items, rewards and calibrations must be. Every function returns sentences."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.calibration.base import Calibration
from tia2.errors import Tia2Error

from ...data.records import UNKNOWN, BenchmarkRecord, ModelCard
from .names import name_problem
from .texts import address_problem, bibtex_problem, quote, text_problem

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Bools = NDArray[np.bool_]
POSITIVE = ("temperature", "scale", "factor")
LOWEST, HIGHEST = 1e-6, 1e6
"""Of a temperature, scale or factor, and the highest penalty. Beyond them every value is 0, 1 or the same."""
FEW_DISTINCT = 5
"""A prompt's items with fewer distinct rewards than this are hardly ordered."""
_IMAGE = re.compile(r"(?:[0-9a-f]{64})?")
_IDENTITY = re.compile(r"[0-9a-f]{32,128}")


def card_problems(card: ModelCard) -> list[str]:
    """Say what is wrong with what is declared about a model."""
    problems = [
        name_problem(card.name),
        text_problem("The description", card.description),
        text_problem("The licence", card.licence, lines=False),
        address_problem("The contact", card.contact),
        text_problem("The training data", card.training_data),
        address_problem("The paper", card.paper),
        text_problem("The organisation", card.organisation, lines=False),
        address_problem("The code's address", card.code),
        address_problem("The weights' address", card.weights),
        bibtex_problem("The citation", card.cite),
        *([text_problem("The device", card.cost.device, lines=False)] if card.cost and card.cost.device else []),
    ]
    return [text for text in problems if text is not None]


def card_warnings(card: ModelCard) -> list[str]:
    """Say what is missing from a card."""
    return [
        text
        for missing, text in (
            (card.training_data.strip().lower() == UNKNOWN, "The training data is unknown; the board says so."),
            (card.licence.strip().lower() == UNKNOWN, "The licence is unknown; the board says so."),
            (not card.contact, "There is no contact address, so nobody can ask about the model."),
        )
        if missing
    ]


def table_problems(what: str, table: ScoreTable, items: pd.DataFrame, record: BenchmarkRecord) -> list[str]:
    """Say what is wrong with a table: first its items and texts, then, if these are right, its rewards.

    Args:
        what: Name of the table in the sentences.
        table: Score table as submitted.
        items: The store's copy of the benchmark's items.
        record: The benchmark.
    """
    problem = _items_problem(what, table, items, record) or _texts_problem(what, table, items)
    if problem is None and not _IDENTITY.fullmatch(table.manifest.reward.fingerprint):
        problem = (
            f"{what} names a reward model without a fingerprint (hexadecimal digits): score again with `tia2 score`."
        )
    if problem is None and not all(map(_IMAGE.fullmatch, table.image_sha256)):
        problem = f"{what} holds images without a SHA-256: score again with `tia2 score`."
    problem = problem or _rewards_problem(what, table)
    return [problem] if problem else []


def table_warnings(what: str, table: ScoreTable, record: BenchmarkRecord) -> list[str]:
    """Say what readers of the board should know about a trusted table."""
    warned = []
    scored = len(table) - len(table.skipped)
    if scored < record.items:
        warned.append(
            f"{what} has rewards for {scored:,} of {record.items:,} items of {record.name}: not complete, so its "
            "entries are shown apart and never ranked."
        )
    if table.manifest.imported is not None:
        warned.append(
            f"{what} holds rewards that were computed elsewhere and imported (by: "
            f"{quote(table.manifest.imported.computed_by)}); no image was seen."
        )
    typical = float(np.median(_distinct(table)))
    if typical < FEW_DISTINCT:
        warned.append(f"{what} gives the items of a prompt {typical:g} distinct rewards at the median: most are tied.")
    return warned


def ensemble_problem(tables: Sequence[ScoreTable]) -> str | None:
    """Say why score tables can't be combined: they are of different items, or of one model twice."""
    first, seen = tables[0], set()
    for number, table in enumerate(tables):
        if table.items["item_id"].tolist() != first.items["item_id"].tolist():
            return f"tables/0 and tables/{number} have different items: an ensemble's score tables share all of them."
        if table.manifest.reward.fingerprint in seen:
            return f"tables/{number} is of a reward model that another score table is of: list each once."
        seen.add(table.manifest.reward.fingerprint)
    return None


def calibrated(
    tables: Sequence[ScoreTable], calibrations: Sequence[Calibration]
) -> tuple[dict[Calibration, NDArray[Any]], list[str], list[str]]:
    """Make every entry of trusted tables.

    Args:
        tables: The score tables.
        calibrations: Calibrations to apply.

    Returns:
        Values by calibration, problems, and warnings.
    """
    values: dict[Calibration, NDArray[Any]] = {}
    problems: list[str] = []
    notes: list[str] = []
    for calibration in calibrations:
        name = " ".join(calibration.chips)
        bound = bounds_problem(name, calibration.model_dump())
        if bound is not None:
            problems.append(bound)
            continue
        if calibration in values:
            problems.append(f"The calibration {name} is listed twice.")
            continue
        values[calibration] = np.zeros(0)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                values[calibration] = calibration.apply(tables).values
        except Tia2Error as error:
            problems.append(f"The calibration {name} can't be made: {error}")
        else:
            if not _orders(values[calibration], tables[0]):
                problems.append(f"The calibration {name} gives the items of every prompt one value: it orders nothing.")
            notes += [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    slugs = [calibration.slug for calibration in calibrations]
    if not problems and len(set(slugs)) < len(slugs):
        problems.append("Two calibrations differ by less than six digits of a setting: keep one of them.")
    return values, problems, list(dict.fromkeys(notes))


def bounds_problem(name: str, settings: Any) -> str | None:
    """Say which number of a calibration is beyond all sense, so that its values are all the same, or overflow.

    Args:
        name: Name of the calibration in the sentence.
        settings: Its settings, those of calibrations within it included.

    Example:
        >>> bounds_problem("TextNorm", {"temperature": 1e-300})
        'The calibration TextNorm has temperature 1e-300; expected 1e-06 to 1e+06.'
    """
    if isinstance(settings, list | tuple):
        return next((problem for part in settings if (problem := bounds_problem(name, part))), None)
    if not isinstance(settings, dict):
        return None
    for setting, value in settings.items():
        lowest = LOWEST if setting in POSITIVE else 0.0
        numbers = value if isinstance(value, list | tuple) else [value]
        for number in numbers if setting in (*POSITIVE, "penalty") else []:
            if isinstance(number, int | float) and not lowest <= number <= HIGHEST:
                return f"The calibration {name} has {setting} {number:g}; expected {lowest:g} to {HIGHEST:g}."
        problem = bounds_problem(name, value)
        if problem is not None:
            return problem
    return None


def _orders(values: NDArray[Any], table: ScoreTable) -> bool:
    """Return whether any prompt's items have different values, or all items with one per prompt; NaN is none."""
    frame = table.items[["prompt_id"]].assign(value=values)
    groups = frame.groupby("prompt_id")["value"]
    if (groups.size() == 1).all():  # one image per prompt: only the order of all items says anything
        return bool(frame["value"].nunique() > 1)
    return bool((groups.nunique() > 1).any())


def _items_problem(what: str, table: ScoreTable, items: pd.DataFrame, record: BenchmarkRecord) -> str | None:
    ids = table.items["item_id"].tolist()
    if len(set(ids)) < len(ids):
        twice = next(item for item, count in Counter(ids).items() if count > 1)
        return f"{what} lists {quote(twice)} twice: every item has one row."
    expected_ids = set(items["item_id"])
    foreign = [item for item in ids if item not in expected_ids]
    if foreign:
        return f"{what} has {len(foreign):,} items that {record.name} hasn't, the first is {quote(foreign[0])}."
    whole = len(ids) == record.items
    same = table.manifest.benchmark.fingerprint == record.fingerprint
    if whole and not same:
        return (
            f"{what} was scored on another version of {record.name}: its benchmark's fingerprint is "
            f"{quote(table.manifest.benchmark.fingerprint[:12])}, expected {record.fingerprint[:12]!r}."
        )
    if same and not whole:
        return (
            f"{what} says that it is on all of {record.name}, but has {len(ids):,} of its {record.items:,} items: "
            "score again."
        )
    return None


def _texts_problem(what: str, table: ScoreTable, items: pd.DataFrame) -> str | None:
    texts_of = dict(zip(items["item_id"], items["texts"], strict=True))
    for item, texts in zip(table.items["item_id"], table.items["texts"], strict=True):
        expected = list(texts_of[item])
        if list(texts) == expected:
            continue
        if list(texts) == expected[:1]:
            wanted = f"{len(expected) - 1} were expected"
            return f"{what} has no rewards for the contrastive prompts of {quote(item)}; {wanted}."
        wrong = next((text for text in texts if text not in expected), None)
        got = f"it has {quote(wrong)}" if wrong is not None else f"it has {len(texts)} texts of {len(expected)}"
        return f"{what} was scored with other texts than the benchmark's: for {quote(item)} {got}."
    return None


def _rewards_problem(what: str, table: ScoreTable) -> str | None:
    bad: Bools = ~np.isfinite(table.rewards) & table.mask
    # Items without a readable image have no reward at all, and the manifest says how many they are.
    absent: Bools = np.all(np.isnan(table.rewards) | ~table.mask, axis=1)
    if np.count_nonzero(absent) != table.manifest.skipped_items:
        absent[:] = False
    bad &= ~absent[:, None]
    if bad.any():
        row = int(bad.any(axis=1).argmax())
        return (
            f"{what} has {np.count_nonzero(bad):,} rewards that are NaN or infinite, the first is of "
            f"{quote(table.items['item_id'].iloc[row])}."
        )
    kept = table.raw[~absent]
    if not len(kept):
        return f"{what} has no reward at all."
    if (kept == kept[0]).all():
        return f"{what} gives every item the same reward, {kept[0]:g}: that orders nothing."
    return None


def _distinct(table: ScoreTable) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = (
        table.items[["prompt_id"]].assign(reward=table.raw).groupby("prompt_id")["reward"].nunique().to_numpy()
    )
    return counts
