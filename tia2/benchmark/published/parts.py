"""What a published dataset becomes: benchmarks without images, and scores as published."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.errors import BenchmarkError


@dataclass(frozen=True)
class PublishedScores:
    """The scores of one reward model, as published.

    Attributes:
        name: Name of the reward model.
        rewards: Reward by item id; items may be missing.
        note: Sentence on what is known of it.
    """

    name: str
    rewards: dict[str, float]
    note: str = ""


@dataclass(frozen=True)
class PublishedPart:
    """One benchmark of a published dataset.

    Attributes:
        name: Name of the benchmark.
        rows: One mapping per item: item_id, subset, prompt_id, prompt, and ratings or human_score.
        scale: Scale of the ratings, with the rule for labels; None for preferences.
        notes: Sentences on what it is, and on its oddities.
        scores: Scores published with it.
        pairs: Preferences: prompt_id, item_a, item_b and preference; none where items were judged one at a time.
    """

    name: str
    rows: list[dict[str, Any]]
    scale: RatingScale | None
    notes: list[str]
    scores: list[PublishedScores] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)


def json_file(path: Path) -> Any:
    """Return what a JSON file says.

    Args:
        path: The file.

    Raises:
        BenchmarkError: It isn't there, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path} can't be read: {error}.") from None


def json_lines(path: Path) -> list[Any]:
    """Return what the lines of a JSON Lines file say.

    Args:
        path: The file.

    Raises:
        BenchmarkError: It isn't there, or a line is no JSON.
    """
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path} can't be read: {error}.") from None


def csv_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file by column.

    Args:
        path: The file.

    Raises:
        BenchmarkError: It isn't there.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)
    except OSError as error:
        raise BenchmarkError(f"{path} can't be read: {error}.") from None
