"""ImageRewardDB (THUDM/ImageRewardDB on the Hub): images, groups, pairs, and the test.json of the authors' code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tia2.benchmark.layouts.layout import Layout, pairs_of_ranking
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import pandas as pd


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    if {"img_better", "img_worse"} <= set(frame.columns):
        rows = _of_pairs(frame)
    else:
        rows = []
        for prompt_id, prompt, items, images, ranks in _groups(frame):
            if not len(items) == len(images) == len(ranks):
                raise BenchmarkError(f"ImageRewardDB, prompt {prompt_id}: {len(ranks)} ranks for {len(items)} images.")
            for a, b, better in pairs_of_ranking(ranks):
                row = {"prompt_id": prompt_id, "prompt": prompt, "item_a": items[a], "item_b": items[b]}
                rows.append({**row, "preference": better, "image_a": images[a], "image_b": images[b]})
    pairs: pd.DataFrame = pd.DataFrame(rows)
    if not len(pairs) or pairs["image_a"].map(lambda image: image is None).all():
        pairs = pairs.drop(columns=[name for name in ("image_a", "image_b") if name in pairs])
    return pairs


def _groups(frame: pd.DataFrame) -> list[tuple[str, str, list[str], list[Any], list[float]]]:
    """Return every prompt's id, text, items, images and ranks, 1 for the best."""
    records: list[dict[Any, Any]] = frame.to_dict("records")
    if "generations" in frame.columns:
        return [
            (str(record["id"]), str(record["prompt"]), _texts(record["generations"]), list(record["generations"]),
             [float(rank) for rank in record["ranking"]])
            for record in records
        ]  # fmt: skip
    if records and getattr(records[0]["rank"], "__len__", None) is not None:
        grouped = []
        for record in records:
            images: list[Any] = list(record["image" if "image" in record else "image_path"])
            names = [f"{record['prompt_id']}/{number}" for number in range(len(images))]
            items = [image if isinstance(image, str) else name for image, name in zip(images, names, strict=True)]
            ranks = [float(rank) for rank in record["rank"]]
            grouped.append((str(record["prompt_id"]), str(record["prompt"]), items, images, ranks))
        return grouped
    groups: dict[str, tuple[str, str, list[str], list[Any], list[float]]] = {}
    for record in records:
        prompt_id = str(record["prompt_id"])
        group = groups.setdefault(prompt_id, (prompt_id, str(record["prompt"]), [], [], []))
        image = record.get("image", record.get("image_path"))
        group[2].append(str(record["image_path"]) if "image_path" in record else f"{prompt_id}/{len(group[2])}")
        group[3].append(image)
        group[4].append(float(record["rank"]))
    return list(groups.values())


def _of_pairs(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the pairs of the configs that end in "_pair", which don't say which images are the same."""
    rows = []
    for number, record in enumerate(frame.to_dict("records")):
        prompt_id = str(record["prompt_id"])
        sides = {f"item_{side}": f"{prompt_id}/{number}/{side}" for side in ("a", "b")}
        images = {"image_a": record["img_better"], "image_b": record["img_worse"]}
        rows.append({"prompt_id": prompt_id, "prompt": str(record["prompt"]), **sides, "preference": "a", **images})
    return rows


def _texts(cells: Sequence[Any]) -> list[str]:
    return [str(cell) for cell in cells]


IMAGEREWARDDB = Layout(
    "imagerewarddb",
    "ImageRewardDB: images with ranks (1k to 8k, _group), pairs (_pair), and the authors' test.json",
    (
        frozenset({"prompt_id", "prompt", "rank", "overall_rating"}),
        frozenset({"prompt_id", "prompt", "img_better", "img_worse"}),
        frozenset({"id", "prompt", "generations", "ranking"}),
    ),
    _read,
    note="Each prompt's ranking is one vote on every pair of its images; equal ranks are a tie.",
)
