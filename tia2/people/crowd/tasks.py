"""Pairs of a study as tasks for a crowd platform: one row per task, several pairs in each."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tia2.errors import StudyError
from tia2.people.store import tokens
from tia2.people.store.items import StudyItem

if TYPE_CHECKING:
    from tia2.people.store.study import Study

FIELDS = ("pair", "prompt", "left", "right")
"""Columns of each pair of a task; `left` and `right` hold addresses of images, with spaces between those of a strip."""


def pair_tokens(study: Study) -> dict[str, tuple[StudyItem, bool]]:
    """Return what each token of a pair stands for: its item, and whether B stands left.

    A token is a keyed digest, so that nobody who takes part can tell what it stands for.

    Args:
        study: The study.
    """
    key = tokens.read_secret(study.folder)
    return {_token(key, item, swapped): (item, swapped) for item in study.items() for swapped in (False, True)}


def crowd_tasks(study: Study, address: str, pairs_per_task: int = 10) -> list[dict[str, str]]:
    """Return the tasks, one dictionary of columns each.

    Each task has so many pairs, and one with a known answer among them where the study has such. Sides are balanced
    over the pairs of every two models; which pairs stand together, and where the check stands, is drawn by the study's
    seed.

    Args:
        study: A study of pairs.
        address: Address of the folder that the study's images are served from, https://… .
        pairs_per_task: Number of pairs of a task, apart from the check.

    Raises:
        StudyError: The study asks something else, or the address is none.
    """
    if study.settings.question.kind != "pair":
        raise StudyError(f"{study.folder} asks about {study.settings.question.kind!r}; crowd tasks are for pairs.")
    if not address.startswith(("https://", "http://")) or any(character.isspace() for character in address):
        raise StudyError(f"Expected the address that images are served from (https://…), got {address!r:.80}.")
    if pairs_per_task < 1:
        raise StudyError(f"A task has at least one pair, got {pairs_per_task}.")
    key = tokens.read_secret(study.folder)
    items = study.items()
    asked, checks = [i for i in items if i.gold is None], [i for i in items if i.gold is not None]
    rng = np.random.default_rng([study.settings.seed, 11])
    order = [asked[int(number)] for number in rng.permutation(len(asked))]
    met: dict[tuple[str, ...], int] = {}
    rows = []
    for start in range(0, len(order), pairs_per_task):
        listed: list[tuple[StudyItem, bool]] = []
        for item in order[start : start + pairs_per_task]:
            models = tuple(sorted((str(item.facts.get("a")), str(item.facts.get("b")))))
            met[models] = met.get(models, 0) + 1
            # The two models stand left in turn, whichever of them is A.
            listed.append((item, models[met[models] % 2] != item.facts.get("a")))
        if checks:
            check = checks[(start // pairs_per_task) % len(checks)]
            listed.insert(int(rng.integers(len(listed) + 1)), (check, bool(rng.integers(2))))
        rows.append(_row(key, listed, address.rstrip("/")))
    width = max(map(len, rows))
    if any(len(row) < width for row in rows):
        names = next(list(row) for row in rows if len(row) == width)
        # The last task may be shorter: a page shows no pair where there is no prompt.
        rows = [{name: row.get(name, "") for name in names} for row in rows]
    return rows


def _row(key: bytes, listed: Sequence[tuple[StudyItem, bool]], address: str) -> dict[str, str]:
    row: dict[str, str] = {}
    for number, (item, swapped) in enumerate(listed, start=1):
        half = len(item.images) // 2
        sides = [item.images[:half], item.images[half:]]
        left, right = sides[::-1] if swapped else sides
        links = [" ".join(f"{address}/{name}" for name in side) for side in (left, right)]
        values = (_token(key, item, swapped), item.prompt, *links)
        row |= {f"{field}_{number}": value for field, value in zip(FIELDS, values, strict=True)}
    return row


def _token(key: bytes, item: StudyItem, swapped: bool) -> str:
    return hmac.new(key, f"tia2.people pair {item.key} {swapped}".encode(), hashlib.sha256).hexdigest()[:24]
