"""MJ-Bench: 500 pairs of Pick-a-Pic with one preference each, and the scores of six reward models. Numbers only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tia2.benchmark.published.parts import PublishedPart, PublishedScores, json_file
from tia2.errors import BenchmarkError

FILES = {
    "clipscore": "CLIP",
    "clipscore_eval_v2": "CLIP v2",
    "ImageReward": "ImageReward",
    "blipscore": "BLIP",
    "HPSv2score": "HPSv2",
    "pickscore": "PickScore",
}
PREFERENCES = {"0": ("a", 1.0, 0.0), "1": ("b", 0.0, 1.0), "tie": ("tie", 0.5, 0.5)}


def read_mj_bench(folder: Path) -> list[PublishedPart]:
    """Read the pairs and the scores of both images.

    Args:
        folder: Folder of the six files.

    Raises:
        BenchmarkError: A file isn't there, can't be read, or has other pairs than the first.
    """
    rows: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    scores = []
    labels: list[str] | None = None
    for stem, name in FILES.items():
        file = folder / f"validation_{stem if '_eval_' in stem else f'{stem}_eval'}_0.00.json"
        content: list[dict[str, Any]] = json_file(file)
        given = [str(pair["label"]) for pair in content]
        if labels is not None and given != labels:
            raise BenchmarkError(f"{file} has other preferences than the file before it.")
        if labels is None:
            labels = given
            for number, label in enumerate(given):
                preference, *shares = PREFERENCES[label]
                items = [f"{number}/{side}" for side in (0, 1)]
                pairs.append(
                    {"prompt_id": str(number), "item_a": items[0], "item_b": items[1], "preference": preference}
                )
                rows += [_row(item, number, share) for item, share in zip(items, shares, strict=True)]
        key = "prob" if name == "PickScore" else "score"
        rewards = {
            f"{number}/{side}": float(pair[f"{key}_{side}"]) for number, pair in enumerate(content) for side in (0, 1)
        }
        note = "The pair's probability: it can't be compared with that of another pair." if key == "prob" else ""
        scores.append(PublishedScores(name, rewards, note))
    notes = [
        "MJ-Bench of Chen et al. 2024 (arXiv 2407.04842): which of two images of Pick-a-Pic is better. PickScore was "
        "trained on this source.",
        "Prompts are withheld, since not all are fit for work; the human score of an image is its share of its one "
        "comparison.",
    ]
    return [PublishedPart("mj-bench", rows, None, notes, scores, pairs)]


def _row(item: str, number: int, share: float) -> dict[str, Any]:
    return {
        "item_id": item,
        "subset": "mj-bench",
        "prompt_id": str(number),
        "prompt": f"prompt {number} (withheld)",
        "human_score": share,
    }
