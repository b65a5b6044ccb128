"""T2IScoreScore: images of a prompt with more and more errors in them, and nineteen scores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.benchmark.published.parts import PublishedPart, PublishedScores, csv_rows
from tia2.errors import BenchmarkError

MOST_ERRORS = 5
_RANK = re.compile(r"(\d+)[a-z]?")
_NO_SCORE = ("id", "image_id")


def read_t2iscorescore(folder: Path) -> list[PublishedPart]:
    """Read the number of errors of every image, and the scores, whose rows are in the same order.

    Args:
        folder: Folder of the two files.

    Raises:
        BenchmarkError: A file isn't there, can't be read, or the two don't fit.
    """
    images = list(csv_rows(folder / "metadata.csv"))
    table = list(csv_rows(folder / "scores_final_all_3.csv"))
    if [row["id"] for row in images] != [row["id"] for row in table]:
        raise BenchmarkError(f"{folder}: metadata.csv and scores_final_all_3.csv have different rows.")
    prompts: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for image in images:
        rank = _RANK.fullmatch(image["rank"])
        if rank is None or int(rank[1]) > MOST_ERRORS:
            raise BenchmarkError(f"{folder}: {image['file_name']} has the rank {image['rank']!r}; expected 0 to 5.")
        rows.append(
            {
                "item_id": image["file_name"],
                "subset": "t2iscorescore",
                "prompt_id": image["id"],
                "prompt": prompts.setdefault(image["id"], image["target_prompt"]),
                "human_score": 1 - int(rank[1]) / MOST_ERRORS,
            }
        )
    other = sum(prompts[image["id"]] != image["target_prompt"] for image in images)
    scores = [
        PublishedScores(
            column,
            {
                row["item_id"]: score
                for row, given in zip(rows, table, strict=True)
                if (score := _score(given[column])) is not None
            },
        )
        for column in table[0]
        if column not in _NO_SCORE
    ]
    notes = [
        "T2IScoreScore of Saxon et al. 2024 (arXiv 2404.04251). Experts ordered the images of a prompt by their number "
        "of errors; the human score is 1 − errors / 5, and an image without an error is aligned.",
        "Some scores are missing, and some have a stray quotation mark, which is dropped.",
        f"{other} images have another prompt than the first of their id, whose prompt is kept.",
    ]
    scale = RatingScale(low=-MOST_ERRORS, high=0, aligned_from=0)
    return [PublishedPart("t2iscorescore", rows, scale, notes, scores)]


def _score(cell: str) -> float | None:
    """Return a score, None where there is none; some cells upstream hold a stray quotation mark."""
    try:
        return float(cell.strip('"'))
    except ValueError:
        return None
