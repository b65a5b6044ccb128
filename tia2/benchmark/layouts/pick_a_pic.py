"""Pick-a-Pic (yuvalkirstain/pickapic_v1 and v2 on the Hub): one row per pair, labels of both images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tia2.benchmark.layouts.layout import Layout
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import pandas as pd

_PREFERENCES = {("1.0", "0.0"): "a", ("0.0", "1.0"): "b", ("0.5", "0.5"): "tie"}


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    labelled = frame
    if "has_label" in frame.columns:
        labelled = frame[[str(label).strip().lower() in ("true", "1") for label in frame["has_label"]]]
    labels = zip(labelled["label_0"], labelled["label_1"], strict=True)
    columns = {
        "prompt": labelled["caption"].astype(str).to_numpy(),
        "item_a": labelled["image_0_uid"].astype(str).to_numpy(),
        "item_b": labelled["image_1_uid"].astype(str).to_numpy(),
        "preference": [_preference(row, *pair) for row, pair in enumerate(labels)],
    }
    if {"jpg_0", "jpg_1"} <= set(frame.columns):
        columns |= {"image_a": labelled["jpg_0"].tolist(), "image_b": labelled["jpg_1"].tolist()}
    pairs: pd.DataFrame = pd.DataFrame(columns)
    return pairs


def _preference(row: int, first: object, second: object) -> str:
    # A table of texts may have 1 for 1.0.
    labels = [f"{text}.0" if (text := str(label).strip()) in ("0", "1") else text for label in (first, second)]
    preference = _PREFERENCES.get((labels[0], labels[1]))
    if preference is None:
        raise BenchmarkError(
            f"Pair {row}: the labels of Pick-a-Pic are {first} and {second}; expected 1 and 0, or 0.5 each."
        )
    return preference


PICK_A_PIC = Layout(
    "pick-a-pic",
    "Pick-a-Pic v1 and v2: pairs of images, one preference each",
    (frozenset({"caption", "image_0_uid", "image_1_uid", "label_0", "label_1"}),),
    _read,
    note="Pairs without a label were left out; labels of one half each are a tie; items go by the images' ids.",
)
