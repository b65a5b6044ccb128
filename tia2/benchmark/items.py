"""A benchmark's columns as a checked table."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from tia2.benchmark.columns import COLUMNS
from tia2.benchmark.votes import human_scores, labels
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import datasets
    import pandas as pd

_TEXTS = ("item_id", "subset", "prompt_id", "prompt")


def checked_items(dataset: datasets.Dataset, name: str) -> pd.DataFrame:
    """Return the documented columns but the image, with human_score, label and contrastive_prompts filled in.

    Args:
        dataset: The rows. Columns that aren't documented are left out.
        name: The benchmark's name, for messages.

    Returns:
        A frame with one row per item.

    Raises:
        BenchmarkError: A column is missing, empty or of another type; an id appears twice; a prompt's items disagree
            about it; there is neither a vote nor a human score; or scores outside [0, 1] come without a label.
    """
    import pandas as pd

    present = [column for column in COLUMNS if column in dataset.column_names and column != "image"]
    absent = [column for column in _TEXTS if column not in present]
    if absent or not {"votes", "human_score"} & set(present):
        wanted = ", ".join([*absent, *([] if {"votes", "human_score"} & set(present) else ["votes or human_score"])])
        raise BenchmarkError(f"Benchmark {name!r} lacks {wanted}; its columns are {', '.join(dataset.column_names)}.")
    if len(dataset) == 0:
        raise BenchmarkError(f"Benchmark {name!r} has no items.")
    table = dataset.select_columns(present).with_format("arrow")[:]
    values = {column: table.column(column).to_pylist() for column in present}
    _check_texts(values, name)
    if values.get("human_score") is None:
        values["human_score"] = _from_votes(values, name)
    _check_labels(values, name)
    _check_scores(values, name)
    if values.get("label") is None:
        values["label"] = labels(values["human_score"]).tolist()
    contrastive = values.get("contrastive_prompts") or [None] * len(dataset)
    values["contrastive_prompts"] = _contrastive(values["prompt_id"], contrastive, name)
    frame: pd.DataFrame = pd.DataFrame({column: values[column] for column in COLUMNS if column in values})
    return frame


def digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 over a frame's rows: a JSON list per line, UTF-8, no spaces, floats as Python prints them."""
    sha = hashlib.sha256()
    for row in zip(*(frame[column].tolist() for column in frame.columns), strict=True):
        sha.update(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
        sha.update(b"\n")
    return sha.hexdigest()


def _check_texts(values: dict[str, list[Any]], name: str) -> None:
    for column in _TEXTS:
        for row, text in enumerate(values[column]):
            if not isinstance(text, str) or not text:
                raise BenchmarkError(f"Benchmark {name!r}: {column} of row {row} is {text!r}; expected a text.")
    seen: set[str] = set()
    for item in values["item_id"]:
        if item in seen:
            raise BenchmarkError(f"Benchmark {name!r}: item_id {item!r} appears twice.")
        seen.add(item)
    prompts_by_id: dict[str, tuple[str, str]] = {}
    for prompt_id, prompt, subset in zip(values["prompt_id"], values["prompt"], values["subset"], strict=True):
        first = prompts_by_id.setdefault(prompt_id, (prompt, subset))
        if first != (prompt, subset):
            raise BenchmarkError(f"Benchmark {name!r}: {prompt_id!r} stands for both {first} and {(prompt, subset)}.")


def _from_votes(values: dict[str, list[Any]], name: str) -> list[float]:
    try:
        scores: list[float] = human_scores(vote or [] for vote in values["votes"]).tolist()
    except BenchmarkError as error:
        bad = next(item for item, vote in zip(values["item_id"], values["votes"], strict=True) if not _is_vote(vote))
        raise BenchmarkError(f"Benchmark {name!r}, item {bad!r}: {error}") from None
    return scores


def _is_vote(votes: list[int] | None) -> bool:
    return bool(votes) and all(vote in (1, 0, -1) for vote in votes or [])


def _check_labels(values: dict[str, list[Any]], name: str) -> None:
    given = values.get("label")
    if given is None:
        return
    for item, label in zip(values["item_id"], given, strict=True):
        if label not in (0, 1):
            raise BenchmarkError(f"Benchmark {name!r}: the label of {item!r} is {label!r}; expected true or false.")
    values["label"] = [bool(label) for label in given]


def _check_scores(values: dict[str, list[Any]], name: str) -> None:
    given = values.get("label")
    for item, score in zip(values["item_id"], values["human_score"], strict=True):
        if not isinstance(score, int | float) or not math.isfinite(score):
            raise BenchmarkError(f"Benchmark {name!r}: the human_score of {item!r} is {score!r}; expected a number.")
        if given is None and not 0 <= score <= 1:
            raise BenchmarkError(
                f"Benchmark {name!r}: the human_score of {item!r} is {score}, outside [0, 1], so what is aligned can't "
                "be told from it; add a column label."
            )
    values["human_score"] = [float(score) for score in values["human_score"]]


def _contrastive(prompt_ids: list[str], given: list[list[str] | None], name: str) -> list[list[str]]:
    texts_by_prompt: dict[str, list[str]] = {}
    shared = []
    for prompt_id, texts in zip(prompt_ids, given, strict=True):
        first = texts_by_prompt.setdefault(prompt_id, texts or [])
        if first != (texts or []):
            raise BenchmarkError(f"Benchmark {name!r}: items of {prompt_id!r} have different contrastive_prompts.")
        shared.append(first)
    return shared
