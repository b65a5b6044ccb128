"""A benchmark's columns as a checked table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tia2.benchmark.answers import (
    check_agreement,
    check_kinds,
    checked_labels,
    checked_scores,
    checked_votes,
    scores_from_votes,
)
from tia2.benchmark.columns import COLUMNS
from tia2.benchmark.votes import labels
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import datasets
    import pandas as pd

ASKED = ("item_id", "subset", "prompt_id", "prompt", "contrastive_prompts")
"""The columns that a reward model is asked about."""
ANSWERED = ("item_id", "votes", "ratings", "human_score", "label")
"""The columns that people answered with, as far as a benchmark has them."""
SCORED = ("item_id", "human_score")
OVERALL = "overall"
"""No name of a subset: tables of results call the mean of the subsets so."""
_TEXTS = ("item_id", "subset", "prompt_id", "prompt")


def checked_items(dataset: datasets.Dataset, name: str, how_made: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return the documented columns but the image, with human_score, label and contrastive_prompts filled in.

    Args:
        dataset: The rows. Columns that aren't documented are left out.
        name: The benchmark's name, for messages.
        how_made: Text on how human_score or label was made, by column, where it contradicts votes or scores by design.

    Returns:
        A frame with one row per item.

    Raises:
        BenchmarkError: A column is missing, empty or of another type; an id appears twice; a prompt's items disagree
            about it; there is neither a vote nor a human score; a vote, score, label or contrastive prompt is something
            else; two columns contradict each other; or scores outside [0, 1] come without a label.
    """
    import pandas as pd

    present = [column for column in COLUMNS if column in dataset.column_names and column != "image"]
    absent = [column for column in _TEXTS if column not in present]
    if absent or not {"votes", "human_score"} & set(present):
        wanted = ", ".join([*absent, *([] if {"votes", "human_score"} & set(present) else ["votes or human_score"])])
        raise BenchmarkError(f"Benchmark {name!r} lacks {wanted}; its columns are {', '.join(dataset.column_names)}.")
    if len(dataset) == 0:
        raise BenchmarkError(f"Benchmark {name!r} has no items.")
    check_kinds(dataset.features, name)
    table = dataset.select_columns(present).with_format("arrow")[:]
    values = {column: table.column(column).to_pylist() for column in present}
    _check_texts(values, name)
    _check_answers(values, name, how_made or {})
    contrastive = values.get("contrastive_prompts") or [None] * len(dataset)
    values["contrastive_prompts"] = _contrastive(values["prompt_id"], values["item_id"], contrastive, name)
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
    if OVERALL in values["subset"]:
        raise BenchmarkError(
            f"Benchmark {name!r}: a subset is called {OVERALL!r}, the name of the mean of all subsets; give it another."
        )
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


def _check_answers(values: dict[str, list[Any]], name: str, how_made: Mapping[str, str]) -> None:
    """Check what people answered, and fill in human scores and labels where they follow from it."""
    items, labels_given = values["item_id"], "label" in values
    if "votes" in values:
        values["votes"] = checked_votes(items, values["votes"], name)
    if labels_given:
        values["label"] = checked_labels(items, values["label"], name)
    if "human_score" in values:
        scores = values["human_score"]
        values["human_score"] = checked_scores(items, scores, name, has_labels=labels_given)
    else:
        values["human_score"] = scores_from_votes(items, values["votes"], name)
    check_agreement(values, name, how_made)
    if not labels_given:
        values["label"] = labels(values["human_score"]).tolist()


def check_contrastive(texts: Any, where: str) -> list[str]:
    """Return an item's or prompt's contrastive prompts, an empty list for None.

    Args:
        texts: A list of texts, or None.
        where: Words that name the item or prompt in the error.

    Raises:
        BenchmarkError: It is something else, a single text among it, whose letters aren't prompts.
    """
    if texts is None:
        return []
    if not isinstance(texts, list | tuple):
        raise BenchmarkError(
            f"{where}: contrastive_prompts is {texts!r:.60}; expected a list of texts, such as ['two cats']."
        )
    for text in texts:
        if not isinstance(text, str) or not text:
            raise BenchmarkError(f"{where}: contrastive_prompts holds {text!r:.60}; expected texts.")
    return list(texts)


def _contrastive(prompt_ids: list[str], items: list[str], given: list[Any], name: str) -> list[list[str]]:
    texts_by_prompt: dict[str, list[str]] = {}
    shared = []
    for prompt_id, item, column in zip(prompt_ids, items, given, strict=True):
        texts = check_contrastive(column, f"Benchmark {name!r}, item {item!r}")
        first = texts_by_prompt.setdefault(prompt_id, texts)
        if first != texts:
            raise BenchmarkError(f"Benchmark {name!r}: items of {prompt_id!r} have different contrastive_prompts.")
        shared.append(first)
    return shared
