"""HPDv2 (ymhao/HPDv2 on the Hub): test.json with rankings by several people, train.json with pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tia2.benchmark.layouts.layout import Layout, pairs_of_ranking
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import pandas as pd


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for number, record in enumerate(frame.to_dict("records")):
        prompt, files = str(record["prompt"]), _files(number, record)
        rankings = _rankings(record)
        for ranks in rankings:
            if len(ranks) != len(files):
                raise BenchmarkError(f"Row {number}: {len(ranks)} ranks for {len(files)} images.")
        votes: dict[tuple[int, int], list[str]] = {}
        for ranks in rankings:
            for first, second, better in pairs_of_ranking(ranks):
                votes.setdefault((first, second), []).append(better)
        rows += [
            {"prompt": prompt, "item_a": files[a], "item_b": files[b], "preference": given,
             "image_a": files[a], "image_b": files[b]}
            for (a, b), given in votes.items()
        ]  # fmt: skip
    pairs: pd.DataFrame = pd.DataFrame(rows)
    return pairs


def _files(number: int, record: Mapping[Any, Any]) -> list[str]:
    files = next((record[name] for name in ("image_path", "file_path") if _is_list(record.get(name))), None)
    if files is None:
        raise BenchmarkError(f"Row {number} of HPDv2 lists no images: expected image_path or file_path.")
    return [str(file) for file in files]


def _rankings(record: Mapping[Any, Any]) -> list[list[float]]:
    """Return one ranking per person, the averaged one where single ones are missing, or the preferred of two."""
    raw = record.get("raw_annotations")
    if raw is not None and _is_list(raw) and len(raw):
        return [[float(rank) for rank in annotation["rank"]] for annotation in raw]
    if _is_list(record.get("rank")):
        return [[float(rank) for rank in record["rank"]]]
    return [[1.0 - float(preferred) for preferred in record["human_preference"]]]


def _is_list(cell: Any) -> bool:
    return isinstance(cell, list | tuple) or getattr(cell, "ndim", 0) == 1


HPDV2 = Layout(
    "hpdv2",
    "HPDv2: rankings of images by several people (test.json), or pairs (train.json)",
    (
        frozenset({"prompt", "image_path", "rank"}),
        frozenset({"prompt", "image_path", "raw_annotations"}),
        frozenset({"prompt", "image_path", "human_preference"}),
        frozenset({"prompt", "file_path", "human_preference"}),
    ),
    _read,
    note="Each person's ranking is a vote on every pair of its images.",
)
