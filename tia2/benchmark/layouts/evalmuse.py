"""EvalMuse-40K (DY-Evalab/EvalMuse on the Hub): train_list.json, alignment rated 1 to 5, elements yes or no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tia2.benchmark.layouts.layout import Layout
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import pandas as pd


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    ratings: list[Any] = [_ratings(number, cell) for number, cell in enumerate(frame["total_score"])]
    columns = {
        # The prompts' ids of the files go by source as well.
        "prompt_id": [f"{kind}/{number}" for kind, number in zip(_kinds(frame), frame["prompt_id"], strict=True)],
        "subset": _kinds(frame),
        "prompt": frame["prompt"].astype(str).tolist(),
        "item_id": frame["img_path"].astype(str).tolist(),
        "image": frame["img_path"].astype(str).tolist(),
        "ratings": ratings,
    }
    rows: pd.DataFrame = pd.DataFrame(columns)
    return rows


def _kinds(frame: pd.DataFrame) -> list[str]:
    """Return where each prompt is from: real users, or made by a program."""
    if "type" not in frame.columns:
        return ["evalmuse"] * len(frame)
    return ["real" if str(kind).startswith("real") else "synthetic" for kind in frame["type"]]


def _ratings(number: int, cell: Any) -> list[float]:
    ratings = list(cell) if hasattr(cell, "__len__") and not isinstance(cell, str) else [cell]
    if not ratings:
        raise BenchmarkError(f"Row {number} of EvalMuse has no total_score.")
    return [float(rating) for rating in ratings]


EVALMUSE = Layout(
    "evalmuse",
    "EvalMuse-40K: alignment rated 1 to 5 by several people",
    (frozenset({"prompt_id", "prompt", "img_path", "total_score", "element_score"}),),
    _read,
    {
        "prompt": "prompt", "prompt_id": "prompt_id", "subset": "subset", "item": "item_id", "image": "image",
        "ratings": ("ratings",), "scale": {"low": 1, "high": 5},
    },
    note="The ratings are total_score; judgements of single elements aren't used.",
)  # fmt: skip
