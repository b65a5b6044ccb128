"""The columns of every benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Features

COLUMNS = (
    "item_id",
    "subset",
    "prompt_id",
    "prompt",
    "image",
    "votes",
    "human_score",
    "label",
    "contrastive_prompts",
)
"""The columns of TIA2."""

ALL_COLUMNS = (*COLUMNS[:6], "ratings", "compared_with", "preferences", *COLUMNS[6:])
"""The columns of any benchmark: of votes, ratings and comparisons one kind at most."""


def all_features() -> Features:
    """Return the columns of any benchmark with their types, as datasets' features."""
    from datasets import Features, List, Value

    numbers, texts = List(Value("float64")), List(Value("string"))
    kinds = {**features(), "ratings": numbers, "compared_with": texts, "preferences": numbers}
    return Features({column: kinds[column] for column in ALL_COLUMNS})


def features() -> Features:
    """Return TIA2's columns with their types, as datasets' features."""
    from datasets import Features, Image, List, Value

    return Features(
        {
            "item_id": Value("string"),
            "subset": Value("string"),
            "prompt_id": Value("string"),
            "prompt": Value("string"),
            "image": Image(),
            "votes": List(Value("int8")),
            "human_score": Value("float64"),
            "label": Value("bool"),
            "contrastive_prompts": List(Value("string")),
        }
    )
