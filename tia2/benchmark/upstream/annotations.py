"""Read the votes and prompts of one subset, and refuse what doesn't fit together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tia2.benchmark.upstream.layout import labels_file, prompts_file
from tia2.errors import BenchmarkError
from tia2.files import json_of

_FILE_NAME = re.compile(r"image_(\d+)_(\d+)_(\d+)\.\w+")


@dataclass(frozen=True)
class AnnotatedPrompt:
    """A prompt with its items, in the order of their file names' numbers."""

    subset: str
    number: int
    prompt: str
    contrastive: tuple[str, ...]
    files: tuple[str, ...]
    votes: tuple[tuple[int, ...], ...]

    @property
    def prompt_id(self) -> str:
        """The id, for example "counting/0"; the number is the first one in the file names."""
        return f"{self.subset}/{self.number}"

    def item_id(self, index: int) -> str:
        """Return the id of an item, for example "counting/image_0_0_0"."""
        return item_id(self.subset, self.files[index])


def item_id(subset: str, file: str) -> str:
    """Return the id of the item whose image has this file name."""
    return f"{subset}/{file.rpartition('.')[0]}"


def read_subset(root: Path, subset: str) -> list[AnnotatedPrompt]:
    """Read the annotations of one subset.

    Args:
        root: A folder in upstream's layout.
        subset: The subset's name.

    Returns:
        The prompts in the order of their numbers.

    Raises:
        BenchmarkError: A file is missing or isn't what it should be, an item or prompt appears twice, a prompt has no
            items, or an item's prompt has no entry.
    """
    votes_path, prompts_path = root / labels_file(subset), root / prompts_file(subset)
    contrastive = _read_prompts(prompts_path)
    items: dict[int, list[tuple[tuple[int, int], str, tuple[int, ...]]]] = {}
    captions: dict[int, str] = {}
    for file, record in _read_object(votes_path).items():
        number, cell = _numbers(file, votes_path)
        caption, votes = _caption_and_votes(file, record, votes_path)
        if captions.setdefault(number, caption) != caption:
            raise BenchmarkError(
                f"{votes_path}: the items of prompt {number} disagree about it: {captions[number]!r} and {caption!r}."
            )
        items.setdefault(number, []).append((cell, file, votes))
    _match(captions, contrastive, votes_path, prompts_path)
    return [
        AnnotatedPrompt(
            subset=subset,
            number=number,
            prompt=captions[number],
            contrastive=contrastive[captions[number]],
            files=tuple(file for _, file, _ in sorted(items[number])),
            votes=tuple(votes for _, _, votes in sorted(items[number])),
        )
        for number in sorted(items)
    ]


def _read_object(path: Path) -> dict[str, Any]:
    def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise BenchmarkError(f"{path}: {twice!r} appears twice.")
        return entries

    try:
        content = json_of(path.read_text(encoding="utf-8"), object_pairs_hook=refuse_duplicates)
    except FileNotFoundError:
        raise BenchmarkError(f"{path} is missing; `tia2 data download --to DIR` fetches it.") from None
    except OSError as error:
        raise BenchmarkError(f"{path} can't be read: {error}.") from None
    except BenchmarkError:
        raise
    except ValueError as error:
        raise BenchmarkError(f"{path} is not valid JSON ({error}); was it cut off?") from None
    if not isinstance(content, dict) or not content:
        raise BenchmarkError(f"{path}: expected a JSON object with entries, got {_kind(content)}.")
    return content


def _read_prompts(path: Path) -> dict[str, tuple[str, ...]]:
    prompts = _read_object(path)
    for prompt, contrastive in prompts.items():
        if not isinstance(contrastive, list) or not all(isinstance(text, str) for text in contrastive):
            raise BenchmarkError(f"{path}: expected a list of contrastive prompts under {prompt!r}.")
    return {prompt: tuple(contrastive) for prompt, contrastive in prompts.items()}


def _numbers(file: str, path: Path) -> tuple[int, tuple[int, int]]:
    match = _FILE_NAME.fullmatch(file)
    if match is None:
        raise BenchmarkError(f"{path}: expected file names like 'image_0_0_0.jpg', got {file!r}.")
    prompt, row, column = (int(number) for number in match.groups())
    return prompt, (row, column)


def _caption_and_votes(file: str, record: Any, path: Path) -> tuple[str, tuple[int, ...]]:
    if not isinstance(record, dict) or not {"caption", "human_labels"} <= record.keys():
        raise BenchmarkError(f"{path}: expected 'caption' and 'human_labels' under {file!r}, got {_kind(record)}.")
    caption, votes = record["caption"], record["human_labels"]
    if record.get("image", file) != file:
        raise BenchmarkError(f"{path}: {file!r} says that its image is {record['image']!r}.")
    if not isinstance(caption, str) or not caption.strip():
        raise BenchmarkError(f"{path}: expected a prompt as 'caption' of {file!r}, got {caption!r}.")
    if not isinstance(votes, list) or not votes or not all(type(vote) is int and vote in (1, 0, -1) for vote in votes):
        raise BenchmarkError(f"{path}: expected votes of 1, 0 or -1 for {file!r}, got {votes!r}.")
    return caption, tuple(votes)


def _match(
    captions: dict[int, str], contrastive: dict[str, tuple[str, ...]], votes_path: Path, prompts_path: Path
) -> None:
    used = set(captions.values())
    if len(used) < len(captions):
        seen: dict[str, int] = {}
        for number, caption in captions.items():
            if caption in seen:
                raise BenchmarkError(f"{votes_path}: prompts {seen[caption]} and {number} are both {caption!r}.")
            seen[caption] = number
    if without := [prompt for prompt in contrastive if prompt not in used]:
        raise BenchmarkError(
            f"{votes_path}: no items for {len(without)} of {len(contrastive)} prompts of {prompts_path.name}, "
            f"first {without[0]!r}."
        )
    if unknown := [caption for caption in captions.values() if caption not in contrastive]:
        raise BenchmarkError(
            f"{prompts_path}: no entry for {len(unknown)} of {len(captions)} prompts that have votes, "
            f"first {unknown[0]!r}."
        )


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object with " + (", ".join(repr(key) for key in list(value)[:5]) or "nothing in it")
    return {"list": "a list", "str": "a text", "NoneType": "null"}.get(type(value).__name__, f"{value!r}")
