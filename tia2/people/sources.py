"""Items of a study: from a folder of samples, or from a table of images and prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import StudyError
from tia2.files import json_of
from tia2.people.store.items import NewItem

if TYPE_CHECKING:
    from tia2.people.store.question import StudyQuestion

PROMPTS = "prompts.json"
"""Beside samples: their prompts with subset, id and contrastive prompts."""
_IMAGES = {".png", ".jpg", ".jpeg", ".webp"}
_COLUMNS = ("image", "file_name", "image_path", "file", "path")


def items_of(source: Path, question: StudyQuestion, *, gold: bool = False) -> list[NewItem]:
    """Return what a source holds to ask about.

    Args:
        source: A folder of samples, as `tia2 people sample` and `tia2 finetune sample` write them; or a table (CSV,
            TSV, JSON Lines, JSON, Parquet) with a column of image files and one called prompt, and whatever else is to
            be kept of an item: subset, prompt_id, seed. A column of elements holds the parts of the prompt.
        question: The question.
        gold: Whether the items have known answers, in columns of the aspects' names, or one called answer.

    Raises:
        StudyError: It can't be read, has no images, or lacks a column.
    """
    if source.is_dir():
        if gold:
            raise StudyError(f"{source} is a folder: known answers stand in a table, with the images' files.")
        return _of_samples(source)
    if not source.is_file():
        raise StudyError(f"{source} is no folder of samples and no table of images.")
    return _of_table(source, question, gold)


def _of_samples(folder: Path) -> list[NewItem]:
    from PIL import Image, UnidentifiedImageError

    prompts = prompts_beside(folder)
    items = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGES):
        try:
            with Image.open(path) as image:
                facts = {str(key): value for key, value in image.info.items() if isinstance(value, str)}
        except (OSError, UnidentifiedImageError) as error:
            raise StudyError(f"{path} can't be read: {error}.") from None
        if "prompt" not in facts or "seed" not in facts:
            continue  # a contact sheet, or somebody else's picture
        prompt = facts["prompt"]
        listed = {key: value for key, value in prompts.get(prompt, {}).items() if key != "prompt"}
        kept: dict[str, Any] = {
            "file": path.name,
            **{key: value for key, value in facts.items() if key != "prompt"},
            **listed,
        }
        items.append(NewItem(path.stem, prompt, [path], elements=kept.pop("elements", ()), facts=kept))
    if not items:
        raise StudyError(
            f"{folder} holds no samples of `tia2 people sample`; of other images, give a table with the columns image "
            "and prompt."
        )
    return items


def prompts_beside(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what the prompts.json of a folder says of each prompt; nothing where there is none.

    Raises:
        StudyError: It can't be read.
    """
    path = folder / PROMPTS
    if not path.is_file():
        return {}
    try:
        rows = json_of(path.read_bytes())
        return {str(row["prompt"]): dict(row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StudyError(f"{path} is no list of prompts: {error}.") from None


def _of_table(path: Path, question: StudyQuestion, gold: bool) -> list[NewItem]:
    from tia2.benchmark.making.sources import source_of

    table = source_of(path, None, None)
    rows: list[dict[str, Any]] = [
        {str(column): cell for column, cell in row.items()} for row in table.frame.to_dict("records")
    ]
    columns = [str(column) for column in table.frame.columns]
    image = next((column for column in _COLUMNS if column in columns), None)
    if image is None or "prompt" not in columns:
        raise StudyError(
            f"{path} needs a column prompt and one of image files ({', '.join(_COLUMNS)}); its columns are "
            f"{', '.join(columns)}."
        )
    items = []
    for number, row in enumerate(rows):
        elements = _list(row.get("elements"))
        facts = {
            column: row[column]
            for column in columns
            if column not in {image, "prompt", "elements", "item"} and isinstance(row[column], str | int | float | bool)
        }
        file = table.folder / str(row[image])
        answer = _answer(path, number, row, question, elements) if gold else None
        key = str(row.get("item") or row[image])
        items.append(NewItem(f"gold {key}" if gold else key, str(row["prompt"]), [file], (), elements, facts, answer))
    return items


def _list(cell: Any) -> tuple[str, ...]:
    if isinstance(cell, str):
        return tuple(part.strip() for part in re.split(r"[;|]", cell) if part.strip())
    return tuple(map(str, cell)) if isinstance(cell, Sequence) else ()


def _answer(
    path: Path, number: int, row: dict[str, Any], question: StudyQuestion, elements: Sequence[str]
) -> dict[str, Any]:
    aspects = question.aspects_of(elements)
    values = {aspect: row.get(aspect, row.get("answer")) for aspect in aspects}
    if question.kind == "rating":
        values = {
            aspect: int(str(value)) if str(value).strip().isdecimal() else value for aspect, value in values.items()
        }
    try:
        return dict(question.checked(values, elements))
    except StudyError as error:
        raise StudyError(f"{path}, row {number}: {error} Known answers stand in the column answer.") from None
