"""Score tables as plain files, for other programs: what `import_scores` reads."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tia2.errors import ScoreTableError
from tia2.files import write_atomically
from tia2.scoring.importing import ITEM, REWARD, TEXT

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring.table import ScoreTable

ENDINGS = (".csv", ".jsonl", ".parquet")


def export_scores(table: ScoreTable, path: str | os.PathLike[str], *, texts: bool | None = None) -> Path:
    """Write a score table's rewards as CSV, JSON Lines or Parquet; `import_scores` reads them back exactly.

    Args:
        table: The score table.
        path: File to write; its ending (.csv, .jsonl, .parquet) says how.
        texts: Whether there is a row for each item and text, rather than one per item with its own prompt's reward; if
            None, where items have several texts. Items without a reward have no row.

    Returns:
        The path.

    Raises:
        ScoreTableError: The ending is another, or the file can't be written.
    """
    path = Path(path).expanduser()
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ScoreTableError(f"Expected a file that ends in {', '.join(ENDINGS)}, got {path}.")
    frame = scores_frame(table, texts=table.rewards.shape[1] > 1 if texts is None else texts)
    if ending == ".parquet":
        sink = io.BytesIO()
        frame.to_parquet(sink, index=False)
        content = sink.getvalue()
    elif ending == ".jsonl":
        rows = (
            json.dumps({**row, REWARD: float(str(row[REWARD]))}, ensure_ascii=False) for row in frame.to_dict("records")
        )
        content = "".join(f"{row}\n" for row in rows).encode()
    else:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(frame.columns)
        writer.writerows(zip(*(frame[column] for column in frame.columns), strict=True))
        content = text.getvalue().encode()
    write_atomically(path, content, ScoreTableError)
    return path


def scores_frame(table: ScoreTable, *, texts: bool = False) -> pd.DataFrame:
    """Return a score table's rewards as a frame: item_id, with `texts` text, and reward, float32.

    Args:
        table: The score table.
        texts: Whether there is a row for each item and text, rather than one per item.
    """
    import pandas as pd

    shown = table.mask & np.isfinite(table.rewards)
    if not texts:
        shown[:, 1:] = False
    rows, columns = np.nonzero(shown)
    listing = {ITEM: table.items[ITEM].to_numpy()[rows]}
    if texts:
        sets = table.items["texts"].tolist()
        listing[TEXT] = np.array([sets[row][column] for row, column in zip(rows, columns, strict=True)], dtype=object)
    frame: pd.DataFrame = pd.DataFrame({**listing, REWARD: table.rewards[rows, columns]})
    return frame
