"""Pairs in the layout of a public dataset, as the columns that this toolkit reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd

PICK_A_PIC = frozenset({"caption", "image_0_uid", "image_1_uid", "label_0", "label_1"})
"""Columns by which Pick-a-Pic's tables are recognised (yuvalkirstain/pickapic_v1 and v2 on the Hub)."""


def with_known_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of pairs with the columns prompt_id, item_a, item_b and preference, whatever its layout.

    Of Pick-a-Pic, pairs without a label are left out, prompts go by their text and items by the images' ids; labels of
    one half each are a tie.

    Args:
        frame: The table, in Pick-a-Pic's layout or with the four columns already.

    Raises:
        ResultError: A label of Pick-a-Pic is something else than 1 and 0, 0 and 1, or one half each.
    """
    if not set(frame.columns) >= PICK_A_PIC or "preference" in frame.columns:
        return frame
    import pandas as pd

    labelled = frame
    if "has_label" in frame.columns:
        labelled = frame[[str(label).strip().lower() in ("true", "1") for label in frame["has_label"]]]
    labels = zip(labelled["label_0"], labelled["label_1"], strict=True)
    pairs: pd.DataFrame = pd.DataFrame(
        {
            "prompt_id": labelled["caption"].astype(str).to_numpy(),
            "item_a": labelled["image_0_uid"].astype(str).to_numpy(),
            "item_b": labelled["image_1_uid"].astype(str).to_numpy(),
            "preference": [_preference(row, *pair) for row, pair in enumerate(labels)],
        }
    )
    return pairs


def _preference(row: int, first: object, second: object) -> str:
    names = {("1.0", "0.0"): "a", ("0.0", "1.0"): "b", ("0.5", "0.5"): "tie"}
    # A table of texts may have 1 for 1.0.
    pair = tuple(f"{text}.0" if (text := str(label).strip()) in ("0", "1") else text for label in (first, second))
    if pair not in names:
        raise ResultError(
            f"Pair {row}: the labels of Pick-a-Pic are {first} and {second}; expected 1 and 0, or 0.5 each."
        )
    return names[pair]
