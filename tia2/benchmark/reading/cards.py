"""What a benchmark's card, its README.md, says to programs: configs with their files, and how columns were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tia2.benchmark.judgements.ratings import RatingScale
from tia2.benchmark.reading.splits import by_split, listed
from tia2.errors import BenchmarkError, unknown_name

CARD = "README.md"


@dataclass(frozen=True)
class CardFacts:
    """The front matter of a card, as far as reading needs it.

    Attributes:
        configs: Glob patterns by config and split; None as a split where the card names none.
        default: The config to read where none is asked for; None if the card doesn't say.
        how_made: Text on how human_score or label was made, by column.
        scale: Scale of the ratings; None if the card doesn't state one.
        name: Name of the benchmark; None for that of its folder.
    """

    configs: Mapping[str, Mapping[str | None, list[str]]] = field(default_factory=dict)
    default: str | None = None
    how_made: Mapping[str, str] = field(default_factory=dict)
    scale: RatingScale | None = None
    name: str | None = None


def card_facts(folder: Path) -> CardFacts:
    """Read the front matter of a folder's card; nothing where there is none.

    Args:
        folder: The benchmark's folder.

    Raises:
        BenchmarkError: It is no YAML, or its configs aren't what datasets documents.
    """
    from huggingface_hub import DatasetCard

    path = folder / CARD
    if not path.is_file():
        return CardFacts()
    try:
        data: Any = DatasetCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True).data
        content: dict[str, Any] = data.to_dict()
    except Exception as error:  # YAML's errors are of many kinds, and not all of one package
        raise BenchmarkError(f"{path}: the front matter can't be read: {' '.join(str(error).split())}.") from None
    configs: dict[str, dict[str | None, list[str]]] = {}
    default = None
    for entry in content.get("configs") or []:
        if not isinstance(entry, dict) or "config_name" not in entry:
            raise BenchmarkError(f"{path}: expected a config_name in each of configs, got {entry!r:.80}.")
        name = str(entry["config_name"])
        configs[name] = _patterns(path, entry.get("data_files", []), str(entry.get("data_dir") or ""))
        if entry.get("default"):
            default = name
    how_made = content.get("how_made") or {}
    if not isinstance(how_made, dict):
        raise BenchmarkError(f"{path}: expected how_made as a mapping from a column to a text, got {how_made!r:.80}.")
    if default is None:
        default = "default" if "default" in configs else next(iter(configs), None) if len(configs) == 1 else None
    scale = None if content.get("ratings") is None else RatingScale.of(content["ratings"], f"{path}: ratings")
    title = content.get("benchmark_name")
    stated = {str(column): str(text) for column, text in how_made.items()}
    return CardFacts(configs, default, stated, scale, None if title is None else str(title))


def config_files(folder: Path, facts: CardFacts, config: str | None, every: list[Path]) -> dict[str | None, list[Path]]:
    """Return a config's files by split.

    Args:
        folder: The benchmark's folder.
        facts: Its card.
        config: Name of the config; None for the default one.
        every: All data files of the folder; those that belong to no config are refused.

    Raises:
        BenchmarkError: There are several configs and none is the default; a file belongs to none, or a pattern to no
            file.
        UnknownNameError: There is no such config.
    """
    files = {name: _matched(folder, patterns) for name, patterns in facts.configs.items()}
    matched = {path for splits in files.values() for paths in splits.values() for path in paths}
    if surplus := [path for path in every if path not in matched]:
        raise BenchmarkError(
            f"{folder}: {listed(folder, surplus)} would be left out, since no config of {CARD} names it: add it there, "
            "or take it away."
        )
    name = config or facts.default
    if name is None:
        raise BenchmarkError(f"{folder} has several configs ({', '.join(files)}): choose one with --config (config=).")
    if name not in files:
        raise unknown_name(f"config of {folder}", name, list(files))
    splits = files[name]
    if set(splits) == {None}:
        return by_split(folder, splits[None])
    return splits


def _patterns(path: Path, given: Any, data_dir: str) -> dict[str | None, list[str]]:
    entries = given if isinstance(given, list) else [given]
    patterns: dict[str | None, list[str]] = {}
    for entry in entries:
        split, globs = (entry.get("split"), entry.get("path")) if isinstance(entry, dict) else (None, entry)
        for glob in globs if isinstance(globs, list) else [globs]:
            if not isinstance(glob, str) or not glob:
                raise BenchmarkError(f"{path}: expected paths in data_files, got {entry!r:.80}.")
            patterns.setdefault(split, []).append(f"{data_dir}/{glob}" if data_dir else glob)
    if data_dir and not patterns:
        patterns[None] = [f"{data_dir}/**/*.parquet"]
    return patterns


def _matched(folder: Path, patterns: Mapping[str | None, list[str]]) -> dict[str | None, list[Path]]:
    files: dict[str | None, list[Path]] = {}
    for split, globs in patterns.items():
        for glob in globs:
            # The card's own patterns are relative, so that the folder's name is never read as one.
            paths = sorted(path for path in folder.glob(glob) if path.is_file())
            if not paths:
                raise BenchmarkError(f"{folder}: {CARD} names {glob}, and there is no such file.")
            files.setdefault(split, []).extend(path for path in paths if path not in files.get(split, []))
    return files
