"""RichHF-18K (google-research-datasets/richhf-18k): scores of images of Pick-a-Pic, as TFRecord or as a table.

The files name the images and leave out the prompts. A table of them lies beside: `captions.csv` (or .parquet, .jsonl)
with the columns filename and caption, or Pick-a-Pic's own table under that name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tia2.benchmark.layouts.layout import Layout
from tia2.benchmark.layouts.tfrecord import tfrecord_examples
from tia2.benchmark.reading.tables import frame_of
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import pandas as pd

SCORES = ("misalignment_score", "artifact_score", "aesthetics_score", "overall_score")
CAPTIONS = ("captions.csv", "captions.parquet", "captions.jsonl")


def richhf_frame(path: Path) -> pd.DataFrame:
    """Return the examples of a TFRecord file with their captions.

    Args:
        path: The file; captions lie beside it.

    Raises:
        BenchmarkError: It is damaged, no RichHF-18K, or an image has no caption.
    """
    import pandas as pd

    wanted = ("filename", *SCORES)
    rows = []
    for number, example in enumerate(tfrecord_examples(path, wanted)):
        absent = [name for name in wanted if not example.get(name)]
        if absent:
            raise BenchmarkError(f"{path}, example {number} has no {absent[0]}: it isn't in the layout of RichHF-18K.")
        row = {name: example[name][0] for name in wanted}
        name = row["filename"]
        rows.append({**row, "filename": name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)})
    captions = _captions(path)
    frame: pd.DataFrame = pd.DataFrame(rows)
    frame["caption"] = [captions.get(Path(name).stem) for name in frame["filename"]]
    missing = frame["filename"][frame["caption"].isna()]
    if len(missing):
        raise BenchmarkError(
            f"{path}: {len(missing):,} of {len(frame):,} images have no caption, first {missing.iloc[0]!r}. RichHF-18K "
            f"leaves prompts out: put a table of them beside it as {CAPTIONS[0]}, with the columns filename and "
            "caption, or Pick-a-Pic's own."
        )
    return frame


def _captions(path: Path) -> dict[str, str]:
    """Return captions by the stem of the image's file, which is its id in Pick-a-Pic."""
    table = next((path.parent / name for name in CAPTIONS if (path.parent / name).is_file()), None)
    if table is None:
        return {}
    frame = frame_of(table, "the captions")
    if {"image_0_uid", "image_1_uid", "caption"} <= set(frame.columns):
        sides = ("image_0_uid", "image_1_uid")
        return {str(uid): str(text) for side in sides for uid, text in zip(frame[side], frame["caption"], strict=True)}
    if not {"filename", "caption"} <= set(frame.columns):
        raise BenchmarkError(f"{table} lacks the columns filename and caption; it has {', '.join(frame.columns)}.")
    return {Path(str(name)).stem: str(text) for name, text in zip(frame["filename"], frame["caption"], strict=True)}


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    prompts = next((name for name in ("caption", "prompt") if name in frame.columns), None)
    if prompts is None:
        raise BenchmarkError("RichHF-18K without prompts: add them as a column caption.")
    columns = {
        "prompt": frame[prompts].astype(str).tolist(),
        "item_id": frame["filename"].astype(str).tolist(),
        "score": [float(score) for score in frame[SCORES[0]]],
    }
    if "image" in frame.columns:
        columns["image"] = frame["image"].tolist()
    rows: pd.DataFrame = pd.DataFrame(columns)
    return rows


RICHHF = Layout(
    "richhf",
    "RichHF-18K: alignment scored from 0 to 1, the mean of three people's ratings",
    (frozenset({"filename", *SCORES}),),
    _read,
    {"prompt": "prompt", "item": "item_id", "human_score": "score"},
    note="The human score is misalignment_score, which is higher where image and text agree; aligned above 0.5.",
)
