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


def features() -> Features:
    """Return the columns with their types, as datasets' features."""
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
