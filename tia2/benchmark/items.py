"""A benchmark's columns as a checked table."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tia2.benchmark.answers import (
    ROUNDING,
    check_agreement,
    check_kinds,
    checked_labels,
    checked_scores,
    checked_votes,
    scores_from_votes,
)
from tia2.benchmark.columns import ALL_COLUMNS
from tia2.benchmark.judgements.comparisons import COMPARISON_COLUMNS, check_comparisons, preferred_shares
from tia2.benchmark.judgements.ratings import RatingScale, checked_ratings, mean_ratings, rating_matrix
from tia2.benchmark.votes import labels
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

ASKED = ("item_id", "subset", "prompt_id", "prompt", "contrastive_prompts")
"""The columns that a reward model is asked about."""
ANSWERED = ("item_id", "votes", "ratings", "compared_with", "preferences", "human_score", "label")
"""The columns that people answered with, as far as a benchmark has them."""
SCORED = ("item_id", "human_score")
OVERALL = "overall"
"""No name of a subset: tables of results call the mean of the subsets so."""
_SAY_SCALE = (
    "State it at the top of the benchmark's README.md, as `ratings: {low: 1, high: 5}`, or as load(…, "
    "scale=RatingScale(low=1, high=5)); `tia2 data make` writes it."
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ROWS = 10_000
"""Rows that are digested at a time."""
_TEXTS = ("item_id", "subset", "prompt_id", "prompt")


def checked_items(
    dataset: datasets.Dataset,
    name: str,
    how_made: Mapping[str, str] | None = None,
    scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Return the documented columns but the image, with human_score, label and contrastive_prompts filled in.

    Args:
        dataset: The rows. Columns that aren't documented are left out.
        name: The benchmark's name, for messages.
        how_made: Text on how human_score or label was made, by column, where it contradicts votes or scores by design;
            one for `prompt` says that the items of one prompt_id are captions of one image.
        scale: Scale of the ratings, which also says what is aligned; None where people gave votes.

    Returns:
        A frame with one row per item.

    Raises:
        BenchmarkError: A column is missing, empty or of another type; an id appears twice; a prompt's items disagree
            about it; there is neither a vote, a rating nor a human score; ratings come without a scale, or with
            votes; a vote, rating, score, label or contrastive prompt is something
            else; two columns contradict each other; or scores outside [0, 1] come without a label.
    """
    import pandas as pd

    present = [column for column in ALL_COLUMNS if column in dataset.column_names and column != "image"]
    absent = [column for column in _TEXTS if column not in present]
    judged = bool({"votes", "ratings", "human_score", *COMPARISON_COLUMNS} & set(present))
    if absent or not judged:
        wanted = ", ".join([*absent, *([] if judged else ["votes, ratings, comparisons or human_score"])])
        raise BenchmarkError(f"Benchmark {name!r} lacks {wanted}; its columns are {', '.join(dataset.column_names)}.")
    if len(dataset) == 0:
        raise BenchmarkError(f"Benchmark {name!r} has no items.")
    check_kinds(dataset.features, name)
    table = dataset.select_columns(present).with_format("arrow")[:]
    values = {column: table.column(column).to_pylist() for column in present}
    captions_vary = "prompt" in (how_made or {})
    _check_texts(values, name, captions_vary)
    _check_answers(values, name, how_made or {}, scale)
    contrastive = values.get("contrastive_prompts") or [None] * len(dataset)
    groups = values["item_id" if captions_vary else "prompt_id"]
    values["contrastive_prompts"] = _contrastive(groups, values["item_id"], contrastive, name)
    frame: pd.DataFrame = pd.DataFrame({column: values[column] for column in ALL_COLUMNS if column in values})
    return frame


def digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 over a frame's rows: a JSON list per line, UTF-8, no spaces, floats as Python prints them."""
    sha = hashlib.sha256()
    columns = [frame[column].tolist() for column in frame.columns]
    # Column by column: calling the encoder for each row takes four times as long.
    for start in range(0, len(frame), _ROWS):
        parts = [_encoded(column[start : start + _ROWS]) for column in columns]
        sha.update("".join([f"[{','.join(row)}]\n" for row in zip(*parts, strict=True)]).encode())
    return sha.hexdigest()


def _encoded(values: list[Any]) -> list[str]:
    """Return the JSON of each value."""
    kinds = set(map(type, values))
    if kinds <= {str}:
        by_text = {text: _ENCODER.encode(text) for text in set(values)}
        return [by_text[text] for text in values]
    if kinds <= {float} and all(map(math.isfinite, values)):
        return list(map(repr, values))
    if kinds == {list} and str not in map(type, values[0]):
        whole = _ENCODER.encode(values)
        parts = whole[2:-2].split("],[")
        # Lists of numbers: neither a text nor a list within them holds the mark at which they were split.
        if len(parts) == len(values) and '"' not in whole and "[" not in whole[2:].replace("],[", ""):
            return [f"[{part}]" for part in parts]
    # The items of a prompt share the list of its contrastive prompts.
    distinct = {id(value): value for value in values}
    encoded = {key: _ENCODER.encode(value) for key, value in distinct.items()}
    return [encoded[id(value)] for value in values]


def _check_texts(values: dict[str, list[Any]], name: str, captions_vary: bool) -> None:
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
    for prompt_id, text, subset in zip(values["prompt_id"], values["prompt"], values["subset"], strict=True):
        prompt = prompt_id if captions_vary else text
        first = prompts_by_id.setdefault(prompt_id, (prompt, subset))
        if first != (prompt, subset):
            raise BenchmarkError(f"Benchmark {name!r}: {prompt_id!r} stands for both {first} and {(prompt, subset)}.")


def _check_answers(
    values: dict[str, list[Any]], name: str, how_made: Mapping[str, str], scale: RatingScale | None
) -> None:
    """Check what people answered, and fill in human scores and labels where they follow from it."""
    items, labels_given = values["item_id"], "label" in values
    if "votes" in values:
        values["votes"] = checked_votes(items, values["votes"], name)
    if "ratings" in values:
        if scale is None:
            raise BenchmarkError(f"Benchmark {name!r} has ratings and no scale. {_SAY_SCALE}")
        if "votes" in values:
            raise BenchmarkError(f"Benchmark {name!r} has votes and ratings; expected one of the two columns.")
        values["ratings"] = checked_ratings(items, values["ratings"], name, scale)
    if any(column in values for column in COMPARISON_COLUMNS):
        _check_pairs(values, name)
    if labels_given:
        values["label"] = checked_labels(items, values["label"], name)
    if "human_score" in values:
        scores = values["human_score"]
        values["human_score"] = checked_scores(items, scores, name, has_labels=labels_given or scale is not None)
    elif scale is not None and "ratings" in values:
        values["human_score"] = mean_ratings(values["ratings"], scale)
    else:
        values["human_score"] = scores_from_votes(items, values["votes"], name)
    check_agreement(values, name, how_made, scale)
    if not labels_given:
        values["label"] = _labels(values, scale).tolist()


def _check_pairs(values: dict[str, list[Any]], name: str) -> None:
    """Check comparisons, and fill in the share of the votes that each item got."""
    if "votes" in values or "ratings" in values:
        raise BenchmarkError(f"Benchmark {name!r} has comparisons and votes or ratings; expected one kind.")
    values["compared_with"], values["preferences"] = check_comparisons(values, name)
    shares = preferred_shares(values["item_id"], values["compared_with"], values["preferences"])
    given = values.setdefault("human_score", shares)
    for item, score, share in zip(values["item_id"], given, shares, strict=True):
        if score is None or abs(float(score) - share) > ROUNDING:
            raise BenchmarkError(
                f"Benchmark {name!r}, item {item!r}: the human_score {score} contradicts the preferences, of which it "
                f"got {share:.3g}. Leave the column human_score out."
            )


def _labels(values: Mapping[str, list[Any]], scale: RatingScale | None) -> NDArray[np.bool_]:
    """Return the labels that the rule for votes, or that of a scale, makes."""
    if scale is None:
        return labels(values["human_score"])
    ratings = rating_matrix(values["ratings"], scale) if "ratings" in values else None
    return scale.aligned(values["human_score"], ratings)


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
