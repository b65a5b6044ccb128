"""Which files of a folder are the benchmark: all of them, or those of one split; none is left out in silence."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from tia2.errors import BenchmarkError, unknown_name

TEST = "test"
ALL = "all"
"""The name that stands for all files, whatever they are called."""
_KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    TEST: ("test", "testing", "eval", "evaluation"),
}
"""Words in names of files and folders that datasets, too, takes for a split."""
_SEPARATOR = r"[-._ 0-9/]"
_NAMED = 3


def split_of(relative: str) -> str | None:
    """Return the split that a file's path names, None if it names none.

    Args:
        relative: The path within the folder, with slashes.

    Example:
        >>> split_of("data/test-00000-of-00001.parquet"), split_of("eval/a.parquet"), split_of("contest.parquet")
        ('test', 'test', None)
    """
    for split, words in _KEYWORDS.items():
        if re.search(rf"(?:^|{_SEPARATOR})(?:{'|'.join(words)})(?:{_SEPARATOR}|$)", relative):
            return split
    return None


def files_in(folder: Path) -> list[Path]:
    """Return a folder's files at any depth, without hidden ones, sorted."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if not any(part[0] in "._" for part in path.relative_to(folder).parts))


def by_split(folder: Path, paths: Iterable[Path]) -> dict[str | None, list[Path]]:
    """Return files by the split that their paths name, None for those that name none."""
    groups: dict[str | None, list[Path]] = {}
    for path in paths:
        groups.setdefault(split_of(path.relative_to(folder).as_posix()), []).append(path)
    return groups


def chosen(folder: Path, groups: dict[str | None, list[Path]], split: str | None) -> list[Path]:
    """Return the files to read.

    Args:
        folder: The folder, for messages.
        groups: Its files by split.
        split: Name of the split that is asked for, "all" for every file; None for the only one, or "test".

    Raises:
        BenchmarkError: Some files name a split and others don't, or there are several and none is "test".
        UnknownNameError: There is no such split.
    """
    splits = [name for name in groups if name is not None]
    if split == ALL or splits == []:
        return sorted(path for paths in groups.values() for path in paths)
    if split is not None:
        if split not in splits:
            raise unknown_name(f"split of {folder}", split, [*splits, ALL])
        return groups[split]
    if None in groups:
        named = [path for name in splits for path in groups[name]]
        raise BenchmarkError(
            f"{folder}: {listed(folder, named)} would be read as the split {', '.join(splits)}, and "
            f"{listed(folder, groups[None])} left out. --split all (split='all') reads all files, --split {splits[0]} "
            "only these."
        )
    if len(splits) == 1:
        return groups[splits[0]]
    if TEST not in splits:
        raise BenchmarkError(
            f"Expected a split {TEST!r} or a single one in {folder}, got {', '.join(splits)}: choose one with --split "
            "(split=), or all."
        )
    others = [path for name in splits if name != TEST for path in groups[name]]
    warnings.warn(
        f"{folder}: the split {TEST!r} is read, {listed(folder, others)} is left out; --split (split=) chooses "
        "another, or all.",
        stacklevel=2,
    )
    return groups[TEST]


def listed(folder: Path, paths: Sequence[Path]) -> str:
    """Return the names of files within a folder, a few of them."""
    names = [path.relative_to(folder).as_posix() for path in sorted(paths)]
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
