"""How a store keeps a fine-tuning run: its settings, journal and evaluations, and a digest of each file.

    finetune/ID/run.json                     settings, versions, names and identities of the judges
    finetune/ID/journal.jsonl                one line per epoch and evaluation
    finetune/ID/evaluations/epoch_00000.parquet …    every kept image with all its scores
    finetune/ID/record.json                  when it came, from whom, and the SHA-256 of each of these files

Weights and checkpoints stay with whoever trained. What the board shows of a run is computed from these files.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tia2.errors import LeaderboardError, unknown_name
from tia2.files import explain, new_folder, write_atomically

from .finetuning import RunFolder

RECORD = "record.json"
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FILE = re.compile(r"run\.json|journal\.jsonl|evaluations/epoch_[0-9]{5}\.parquet")
"""Names of a kept run's files, relative to its folder."""
DIGEST_SHOWN = 8


class RunRecord(BaseModel):
    """What `record.json` says of a kept run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    added: str
    """When, UTC."""
    added_by: str = ""
    files: Annotated[dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]], Field(min_length=3, max_length=4096)]
    """SHA-256 of each file, by its name in the run's folder."""

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of all files: equal runs have equal ones, whoever adds them and when."""
        return digest_of(self.files)


@dataclass(frozen=True)
class StoredRun:
    """A run in a store.

    Attributes:
        id: Name of its folder, fit for an address.
        path: The folder.
        record: Time and source, and digests of its files.
    """

    id: str
    path: Path
    record: RunRecord

    @property
    def folder(self) -> RunFolder:
        """The folder, as fine-tuning reads it."""
        return RunFolder(self.path)

    def changed_file(self) -> str | None:
        """Return the name of the first file that isn't the one that was added; None if all are."""
        there = {name for name, _ in _present(self.path)}
        for name in sorted(there ^ set(self.record.files)):
            return name
        return next((name for name, digest in self.record.files.items() if sha256(self.path / name) != digest), None)

    def stamp(self) -> list[list[int]]:
        """Return sizes and times of its files, which change whenever a file is written."""
        states = [(self.path / name).stat() for name in sorted(self.record.files) if (self.path / name).is_file()]
        return [[state.st_size, state.st_mtime_ns] for state in states]


def digest_of(files: Mapping[str, str]) -> str:
    """Return the digest of a run from those of its files."""
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in sorted(files.items())).encode()).hexdigest()


def run_id(title: str, digest: str) -> str:
    """Return the id of a run: a title, then as much of its digest as tells it from others.

    Example:
        >>> run_id("mini-vivid", "3f2a91c0" * 8)
        'mini-vivid-3f2a91c0'
    """
    return f"{title}-{digest[:DIGEST_SHOWN]}"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file; empty if it can't be read."""
    sha = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                sha.update(chunk)
    except OSError:
        return ""
    return sha.hexdigest()


def files_to_keep(source: Path) -> dict[str, Path]:
    """Return what of a run's folder a store keeps, by name: what the report is computed from, and no weights.

    Args:
        source: Folder of a run.

    Raises:
        FinetuneError: There is no run, or one of its files is damaged.
        LeaderboardError: There is no evaluation beside the base model's, so nothing to show.
    """
    folder = RunFolder(source)
    folder.settings()
    logged = {record["epoch"] for record in folder.records() if record.get("kind") == "evaluation"}
    # An evaluation without its line in the journal was cut short: a resumed run makes it again.
    epochs = [epoch for epoch in folder.evaluated_epochs() if epoch in logged]
    if len(epochs) < 2:
        raise LeaderboardError(
            f"{source} has {len(epochs)} evaluations, and a curve needs two at least: continue it with "
            f"`tia2 finetune resume {source}`."
        )
    paths: list[Path] = [folder.about, folder.journal.path, *map(folder.evaluation_path, epochs)]
    return {path.relative_to(source).as_posix(): path for path in paths}


def without_path(text: str, folder: Path) -> str:
    """Return a sentence about a run's files that doesn't say where a server keeps them.

    Args:
        text: The sentence.
        folder: The folder that it may name.

    Example:
        >>> without_path("/srv/x/run.json is damaged; /srv/x holds no run.", Path("/srv/x"))
        'run.json is damaged; the folder holds no run.'
    """
    return text.replace(f"{folder}/", "").replace(str(folder), "the folder")


def add_run(shelf: Path, source: Path, title: str, added: str, added_by: str) -> StoredRun:
    """Keep a run, whole or not at all; one that is there already stays as it is.

    Args:
        shelf: The store's folder of runs.
        source: Folder of the run.
        title: Beginning of its id: lower-case letters, digits and dashes.
        added: When, UTC.
        added_by: Who adds it.

    Raises:
        FinetuneError: There is no run, or one of its files is damaged.
        LeaderboardError: It has too few evaluations, or the store can't be written to.
    """
    paths = files_to_keep(source)
    record = RunRecord(added=added, added_by=added_by, files={name: sha256(path) for name, path in paths.items()})
    for run in stored_runs(shelf):
        if run.record.digest == record.digest:
            return run
    name = run_id(title, record.digest)
    with new_folder(shelf / name, LeaderboardError) as unfinished:
        for kept, path in paths.items():
            (unfinished / kept).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, unfinished / kept)
        content = json.dumps(record.model_dump(mode="json"), indent=1) + "\n"
        write_atomically(unfinished / RECORD, content.encode(), LeaderboardError)
    return StoredRun(name, shelf / name, record)


def stored_runs(shelf: Path) -> list[StoredRun]:
    """Return a store's runs by id.

    Args:
        shelf: The store's folder of runs.

    Raises:
        LeaderboardError: A record is damaged.
    """
    return [_stored(path) for path in sorted(shelf.glob(f"*/{RECORD}")) if ID.fullmatch(path.parent.name)]


def remove_run(shelf: Path, name: str) -> None:
    """Take a run out of a store.

    Args:
        shelf: The store's folder of runs.
        name: Its id.

    Raises:
        UnknownNameError: There is none of this id.
    """
    if name not in {run.id for run in stored_runs(shelf)}:
        raise unknown_name("run", name, [run.id for run in stored_runs(shelf)])
    shutil.rmtree(shelf / name)


def unbelieved_summaries(shelf: Path) -> list[Path]:
    """Return files of the form that was once believed as it stood: summaries without the images behind them."""
    return sorted(path for path in shelf.glob("*.json") if not path.name.startswith("."))


def _stored(path: Path) -> StoredRun:
    try:
        record = RunRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise LeaderboardError(f"{path} is damaged ({explain(error)}).") from None
    except OSError as error:
        raise LeaderboardError(f"{path} can't be read: {error.strerror or error}.") from None
    if not all(map(FILE.fullmatch, record.files)):
        raise LeaderboardError(f"{path} is damaged (it names files that no run has).")
    return StoredRun(path.parent.name, path.parent, record)


def _present(folder: Path) -> list[tuple[str, Path]]:
    names = [(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(name, path) for name, path in names if FILE.fullmatch(name)]
