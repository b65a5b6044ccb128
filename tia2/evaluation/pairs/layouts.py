"""Pairs in the layout of a public dataset, as the columns that this toolkit reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2.benchmark.layouts.registry import layout_of
from tia2.errors import BenchmarkError, ResultError

if TYPE_CHECKING:
    import pandas as pd


def with_known_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of pairs with the columns prompt_id, item_a, item_b and preference, whatever its layout.

    Prompts go by their text where the layout has no ids of them.

    Args:
        frame: The table, in the layout of a public dataset of pairs or with the four columns already.

    Raises:
        ResultError: The layout is known, and the table isn't as it should be.
    """
    layout = None if "preference" in frame.columns else layout_of(frame.columns)
    if layout is None or not layout.of_pairs:
        return frame
    try:
        pairs = layout.read(frame)
    except BenchmarkError as error:
        raise ResultError(str(error)) from None
    return pairs if "prompt_id" in pairs.columns else pairs.rename(columns={"prompt": "prompt_id"})
