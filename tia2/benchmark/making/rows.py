"""The rows of a benchmark that is made of a table: ids, prompts and images."""

from __future__ import annotations

import io
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.benchmark.making.mapping import Mapping
from tia2.benchmark.making.sources import SourceTable
from tia2.errors import BenchmarkError

if TYPE_CHECKING:
    import datasets
    import pandas as pd

SUBSET = "all-items"
"""Name of the subset where a table has no column of subsets."""


def put_together(source: SourceTable, mapping: Mapping) -> pd.DataFrame:
    """Return one row per item of a table with one row per rating, whose ratings are in the order of the raters.

    Args:
        source: The table; the raters' ids become `attrs["raters"]` of the frame that is returned.
        mapping: Its columns.

    Raises:
        BenchmarkError: Nothing says which rows are of one item, a rater rates one twice, or its rows differ in prompt.
    """
    import pandas as pd

    frame, prompt, rater_column = source.frame, str(mapping.prompt), str(mapping.rater)
    key = mapping.item or mapping.image
    if key is None:
        raise BenchmarkError(
            f"{source.origin} has one row per rating, and nothing says which rows are of one item: name the column of "
            "item ids with --item (item=), or of images with --image (image=)."
        )
    raters = sorted({str(rater) for rater in frame[rater_column]}, key=lambda name: (len(name), name))
    position_of = {rater: number for number, rater in enumerate(raters)}
    rating = mapping.ratings[0]
    rows: dict[str, dict[Any, Any]] = {}
    for record in frame.to_dict("records"):
        item, rater = str(record[key]), str(record[rater_column])
        row = rows.setdefault(item, {**record, rating: [None] * len(raters)})
        if row[rating][position_of[rater]] is not None:
            raise BenchmarkError(f"{source.origin}: rater {rater!r} rates item {item!r} twice.")
        if (row[prompt], row.get(mapping.subset)) != (record[prompt], record.get(mapping.subset)):
            raise BenchmarkError(f"{source.origin}: the rows of item {item!r} have different prompts or subsets.")
        row[rating][position_of[rater]] = record[rating]
    together: pd.DataFrame = pd.DataFrame(list(rows.values()))
    together.attrs["raters"] = raters
    return together


def asked_columns(source: SourceTable, frame: pd.DataFrame, mapping: Mapping) -> dict[str, list[Any]]:
    """Return a benchmark's columns of ids, subsets and prompts, and contrastive prompts where there are some.

    Args:
        source: The table, for errors.
        frame: Its rows, one per item.
        mapping: Its columns.

    Raises:
        BenchmarkError: A text is missing, or an id is listed twice.
    """
    prompts = _texts(source, frame, mapping.prompt)
    subsets = [SUBSET] * len(frame) if mapping.subset is None else _texts(source, frame, mapping.subset)
    if mapping.captions_of is not None:
        images = [_image_name(cell) for cell in frame[mapping.captions_of].tolist()]
        if None in images:
            raise BenchmarkError(
                f"{source.origin}: {mapping.captions_of} of row {images.index(None)} names no image; expected its file "
                "or id."
            )
        prompt_ids = [f"{subset}/{image}" for subset, image in zip(subsets, images, strict=True)]
    elif mapping.prompt_id is None:
        numbers: dict[str, dict[str, int]] = {}
        prompt_ids = []
        for subset, prompt in zip(subsets, prompts, strict=True):
            of_subset = numbers.setdefault(subset, {})
            prompt_ids.append(f"{subset}/{of_subset.setdefault(prompt, len(of_subset))}")
    else:
        prompt_ids = _texts(source, frame, mapping.prompt_id)
        if mapping.subset is not None and len(set(zip(subsets, prompt_ids, strict=True))) > len(set(prompt_ids)):
            prompt_ids = [f"{subset}/{number}" for subset, number in zip(subsets, prompt_ids, strict=True)]
    columns: dict[str, list[Any]] = {"subset": subsets, "prompt_id": prompt_ids, "prompt": prompts}
    columns["item_id"] = _item_ids(source, frame, mapping, prompt_ids)
    if mapping.contrastive is not None:
        sets: list[Any] = [[] if texts is None else list(texts) for texts in frame[mapping.contrastive].tolist()]
        columns["contrastive_prompts"] = sets
    return columns


def _item_ids(source: SourceTable, frame: pd.DataFrame, mapping: Mapping, prompt_ids: list[str]) -> list[str]:
    if mapping.item is not None:
        ids = _texts(source, frame, mapping.item)
        if twice := [item for item, count in Counter(ids).items() if count > 1]:
            raise BenchmarkError(
                f"{source.origin}: {len(twice):,} ids of {mapping.item!r} are listed more than once, first "
                f"{twice[0]!r}. For a table of one row per rating, name the column of raters with --rater (rater=)."
            )
        return ids
    files = [] if mapping.image is None else [_file_of(cell) for cell in frame[mapping.image].tolist()]
    if files and all(files) and len(set(files)) == len(files):
        return [str(file) for file in files]
    seen: Counter[str] = Counter()
    ids = []
    for prompt in prompt_ids:
        ids.append(f"{prompt}/{seen[prompt]}")
        seen[prompt] += 1
    return ids


def _image_name(cell: Any) -> str | None:
    file = _file_of(cell)
    return file if file or cell is None or isinstance(cell, str | bytes | dict) or hasattr(cell, "save") else str(cell)


def _file_of(cell: Any) -> str | None:
    if isinstance(cell, str):
        return cell or None
    path = cell.get("path") if isinstance(cell, dict) else None
    return Path(path).name if path else None


def _texts(source: SourceTable, frame: pd.DataFrame, column: str | None) -> list[str]:
    cells = frame[column].tolist()
    for row, cell in enumerate(cells):
        if cell is None or cell != cell or str(cell).strip() == "":
            raise BenchmarkError(f"{source.origin}: {column} of row {row} is empty; expected a text.")
    return [str(cell) for cell in cells]


def dataset_of(
    source: SourceTable,
    frame: pd.DataFrame,
    mapping: Mapping,
    columns: dict[str, list[Any]],
    images_dir: str | os.PathLike[str] | None,
) -> datasets.Dataset:
    """Return a benchmark's columns as a dataset, images by their files or bytes.

    Args:
        source: The table.
        frame: Its rows, one per item.
        mapping: Its columns.
        columns: The benchmark's columns but the image.
        images_dir: Folder that image files are relative to; that of the table if None.

    Raises:
        BenchmarkError: An image file isn't there, or a cell holds no image.
    """
    import datasets

    from tia2.benchmark.columns import ALL_COLUMNS, all_features

    kinds = all_features()
    if mapping.image is not None:
        folder = source.folder if images_dir is None else Path(images_dir).expanduser().resolve()
        columns = {**columns, "image": [_image(cell, folder) for cell in frame[mapping.image].tolist()]}
        absent = [image["path"] for image in columns["image"] if image and image["bytes"] is None]
        absent = [path for path in absent if not Path(path).is_file()]
        if absent:
            raise BenchmarkError(
                f"{source.origin}: {len(absent):,} of {len(frame):,} images aren't there, first {absent[0]}. "
                "--images (images_dir=) says what they are relative to."
            )
    present = [column for column in ALL_COLUMNS if column in columns]
    return datasets.Dataset.from_dict(
        {column: columns[column] for column in present},
        features=datasets.Features({column: kinds[column] for column in present}),
    )


def _image(cell: Any, folder: Path) -> dict[str, Any] | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, str):
        return {"bytes": None, "path": str(folder / cell)}
    if isinstance(cell, bytes):
        return {"bytes": cell, "path": None}
    if isinstance(cell, dict) and set(cell) >= {"bytes", "path"}:
        return {"bytes": cell["bytes"], "path": cell["path"] if cell["bytes"] is None else None}
    if hasattr(cell, "save"):  # a decoded picture
        sink = io.BytesIO()
        cell.save(sink, "PNG")
        return {"bytes": sink.getvalue(), "path": None}
    raise BenchmarkError(f"Expected images as files, bytes or pictures, got {type(cell).__name__}.")
