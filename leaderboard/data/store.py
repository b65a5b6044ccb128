"""A leaderboard's store: a folder of benchmarks, score tables, listings, published results and fine-tuning runs.

    store.json              its name and schema version
    benchmarks/NAME.json    a benchmark, and NAME.parquet: its items with votes and texts, the copy that is trusted
    tables/DIGEST/          score tables as `tia2 score` writes them, by the digest of what they hold
    listings/ID.json        a model: card, tables and entries
    published/ID.json       results imported from publications
    finetune/ID/            a fine-tuning run with its kept images and scores, and a digest of each file
    queue.sqlite, uploads/  submissions and the log of reviews
    index/                  derived, safe to delete at any time

Everything on the board is recomputed, from the score tables and from the runs' images and scores. Files are written
under another name and renamed, a listing after its tables, so that a reader sees all of a model or nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from tia2.benchmark.fingerprints import difference
from tia2.benchmark.prompt_sets import prompt_set
from tia2.errors import LeaderboardError, unknown_name
from tia2.files import explain, json_of, new_folder, write_atomically

from ..finetuned.files import RECORD, StoredRun, add_run, remove_run, stored_runs
from ..finetuned.finetuning import RunFolder
from .records import SCHEMA_VERSION, BenchmarkRecord, Listing

if TYPE_CHECKING:
    import pandas as pd

    from tia2.benchmark import Benchmark
    from tia2.evaluation import Result
    from tia2.scoring import ScoreTable

Model = TypeVar("Model", bound=BaseModel)
DEVICE = re.compile(r"(?:con|prn|aux|nul|conin|conout|clock|(?:com|lpt)[0-9])")
"""Names that no file on Windows can have, whatever its ending."""
FETCH = "Only published figures are in this store; `tia2 leaderboard import-published` fetches them."
ITEM_COLUMNS = (
    "item_id", "subset", "prompt_id", "prompt", "votes", "ratings", "compared_with", "preferences", "human_score",
    "label", "texts",
)  # fmt: skip


class Store:
    """The folder behind a leaderboard.

    Args:
        folder: An existing store.

    Raises:
        LeaderboardError: It is none, or of a newer version.

    Example:
        >>> store = Store.create("runs/leaderboard", "Ours")  # doctest: +SKIP
        >>> store.add_benchmark(tia2.benchmark.load("mini"), title="Miniature world", images="mini")  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        try:
            about = json_of((self.folder / "store.json").read_text(encoding="utf-8"))
            version, self.name = int(about["schema_version"]), str(about["name"])
        except FileNotFoundError:
            raise LeaderboardError(
                f"{self.folder} holds no leaderboard (no store.json). `tia2 leaderboard init {self.folder}` makes one."
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LeaderboardError(f"{self.folder / 'store.json'} can't be read: {error}.") from None
        if version > SCHEMA_VERSION:
            raise LeaderboardError(
                f"{self.folder} has schema version {version}; this tia2 reads {SCHEMA_VERSION}. Update tia2."
            )

    @classmethod
    def create(cls, folder: str | os.PathLike[str], name: str) -> Store:
        """Make a store in a folder that is new or empty.

        Raises:
            LeaderboardError: The folder holds something, or can't be written to.
        """
        path = Path(folder)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise LeaderboardError(f"{path} is not empty: choose another folder for the leaderboard.")
        content = json.dumps({"schema_version": SCHEMA_VERSION, "name": name}, indent=1, ensure_ascii=False)
        write_atomically(path / "store.json", content.encode(), LeaderboardError)
        return cls(path)

    # Benchmarks

    @property
    def benchmarks(self) -> list[BenchmarkRecord]:
        """The benchmarks, by name."""
        return [_read(path, BenchmarkRecord) for path in self._files("benchmarks")]

    def benchmark(self, name: str) -> BenchmarkRecord:
        """Return a benchmark's record.

        Raises:
            UnknownNameError: There is none of this name.
        """
        records = {record.name: record for record in self.benchmarks}
        if name not in records:
            raise unknown_name("benchmark", name, records)
        return records[name]

    def add_benchmark(
        self,
        benchmark: Benchmark,
        *,
        title: str,
        images: str | None = None,
        description: str = "",
        simulated: bool = False,
    ) -> BenchmarkRecord:
        """Keep a benchmark's items, votes and contrastive prompts as the trusted copy.

        Args:
            benchmark: The benchmark, as `tia2.benchmark.load` returns it.
            title: Title on pages.
            images: Argument with which `tia2.benchmark.load` finds its images again; None without images.
            description: A sentence for the pages.
            simulated: Whether the votes are simulated.

        Raises:
            LeaderboardError: A benchmark of this name is there, with other items or votes.
        """
        record = BenchmarkRecord.of(benchmark, title, images=images, description=description, simulated=simulated)
        for taken in self.benchmarks:
            if taken.name != record.name:
                continue
            if difference(taken, record):
                raise LeaderboardError(
                    f"{self.folder} has a benchmark {taken.name} with other items or votes: give this one another name."
                )
            if taken.scores_fingerprint is None:
                # Files of the index and tables are named by the fingerprints that the store had first.
                kept = {"votes_fingerprint": taken.votes_fingerprint, "scores_fingerprint": None}
                record = record.model_copy(update=kept)
        path = self.folder / "benchmarks" / f"{record.name}.json"
        write_atomically(path.with_suffix(".parquet"), _items_parquet(benchmark.items), LeaderboardError)
        write_atomically(path, _json(record), LeaderboardError)
        return record

    def items(self, benchmark: BenchmarkRecord) -> pd.DataFrame:
        """Return a benchmark's items: item_id, subset, prompt_id, prompt, human_score, label, texts, and judgements.

        `texts` is the prompt, then its contrastive prompts, each once.
        """
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not benchmark.items_kept:
            raise LeaderboardError(f"{benchmark.title} is here without its items. {FETCH}")
        path = self.folder / "benchmarks" / f"{benchmark.name}.parquet"
        try:
            table = pq.read_table(path, partitioning=None)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise LeaderboardError(f"{path} can't be read: {' '.join(str(error).split())}.") from None
        frame: pd.DataFrame = pd.DataFrame({name: table.column(name).to_pylist() for name in table.column_names})
        return frame

    # Score tables

    def table_path(self, digest: str) -> Path:
        """Return where a score table lies or will lie."""
        return self.folder / "tables" / digest

    def table(self, digest: str) -> ScoreTable:
        """Read a score table.

        Raises:
            ScoreTableError: It is missing or damaged.
        """
        from tia2.scoring import ScoreTable

        return ScoreTable.load(self.table_path(digest))

    def add_table(self, table: ScoreTable) -> str:
        """Keep a score table, whole or not at all; one that is there already stays as it is.

        Returns:
            Its digest.
        """
        digest = table_digest(table)
        target = self.table_path(digest)
        if target.exists():
            return digest
        try:
            with new_folder(target, LeaderboardError) as unfinished:
                table.save(unfinished)
        except LeaderboardError:
            if not target.exists():
                raise
            # Another process was first.
        return digest

    # Models and results

    @property
    def listings(self) -> list[Listing]:
        """The models on the board."""
        return [_read(path, Listing) for path in self._files("listings")]

    def add_listing(self, listing: Listing) -> None:
        """Put a model on the board, or replace it.

        Raises:
            LeaderboardError: One of its score tables isn't in the store.
        """
        for digest in listing.tables:
            if not self.table_path(digest).is_dir():
                raise LeaderboardError(
                    f"{listing.id} refers to the score table {digest[:12]}, which isn't in the store."
                )
        write_atomically(self.folder / "listings" / f"{listing.id}.json", _json(listing), LeaderboardError)

    def remove_listing(self, name: str) -> None:
        """Take a model off the board; its score tables stay.

        Raises:
            UnknownNameError: There is none of this id.
        """
        path = self.folder / "listings" / f"{name}.json"
        if not re.fullmatch(r"[a-z0-9-]+", name) or not path.is_file():
            raise unknown_name("model", name, [listing.id for listing in self.listings])
        path.unlink()

    @property
    def published(self) -> dict[str, Path]:
        """Files of results imported from publications, by id."""
        return {path.stem: path for path in self._files("published")}

    def add_published(self, result: Result) -> str:
        """Keep a result from a publication, which no score table backs.

        Returns:
            Its id.
        """
        name = slug(result.entry.name)
        result.save(self.folder / "published" / f"{name}.json")
        return name

    def remove(self, name: str) -> None:
        """Take a model or a published result off the board; a model's score tables stay.

        Raises:
            UnknownNameError: There is none of this id.
        """
        if name in self.published:
            self.published[name].unlink()
        else:
            self.remove_listing(name)

    # Fine-tuning runs

    @cached_property
    def shelf(self) -> Path:
        """The folder of fine-tuning runs."""
        return self.folder / "finetune"

    @property
    def runs(self) -> list[StoredRun]:
        """The fine-tuning runs, by id."""
        return stored_runs(self.shelf)

    def add_run(self, source: str | os.PathLike[str], added_by: str = "") -> StoredRun:
        """Keep a fine-tuning run: settings, journal, images and scores; a run that is there already stays as it is.

        Args:
            source: Folder of the run.
            added_by: Who adds it.

        Raises:
            FinetuneError: There is no run in the folder, or one of its files is damaged.
            LeaderboardError: It has fewer than two evaluations, or the store can't be written to.
        """
        name = RunFolder(Path(source)).facts().get("judges", {}).get("proxy", "run")
        return add_run(self.shelf, Path(source), slug(str(name)), now(), added_by)

    def remove_run(self, name: str) -> None:
        """Take a fine-tuning run out of the store.

        Raises:
            UnknownNameError: There is none of this id.
        """
        remove_run(self.shelf, name)

    # What the index is keyed by

    @cached_property
    def index(self) -> Path:
        """The folder of derived files."""
        return self.folder / "index"

    def stamp(self) -> str:
        """Return a short text that changes when a listing, benchmark, published result or fine-tuning run does."""
        sha = hashlib.sha256()
        kept = [(kind, path) for kind in ("benchmarks", "listings", "published") for path in self._files(kind)]
        kept += [(f"finetune/{path.parent.name}", path) for path in sorted(self.shelf.glob(f"*/{RECORD}"))]
        for kind, path in kept:
            status = path.stat()
            sha.update(f"{kind}/{path.name} {status.st_size} {status.st_mtime_ns} {status.st_ino}\n".encode())
        return sha.hexdigest()[:16]

    def _files(self, kind: str) -> Iterator[Path]:
        # Names with a dot in front are files that are being written, or that a killed process left.
        paths = (self.folder / kind).glob("*.json")
        return iter(sorted(path for path in paths if not path.name.startswith(".")))


def table_digest(table: ScoreTable) -> str:
    """Return the SHA-256 over what a score table holds: which model on which items and images, and every reward."""
    manifest = table.manifest
    head = [
        manifest.benchmark.fingerprint, manifest.benchmark.votes_fingerprint, manifest.reward.fingerprint,
        manifest.reward.name, manifest.dtype, list(table.rewards.shape), table.items["item_id"].tolist(),
        table.image_sha256,
    ]  # fmt: skip
    sha = hashlib.sha256(json.dumps(head).encode())
    sha.update(np.where(table.mask, table.rewards, np.float32(0)).astype("<f4").tobytes())
    sha.update(np.packbits(table.mask).tobytes())
    return sha.hexdigest()


def slug(name: str) -> str:
    """Return a name as lower-case letters, digits and single dashes, fit for an address and for a file.

    Letters beyond ASCII are lost, so a name that has some ends with a digest of it.

    Example:
        >>> slug("CLIP ViT-B/32 (as published)"), slug("模型 2")
        ('clip-vit-b-32-as-published', '2-5e6cac51')
    """
    plain = unicodedata.normalize("NFKD", name)
    words = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-")
    if any(not char.isascii() and unicodedata.category(char)[0] in "LN" for char in plain):
        digest = hashlib.sha256(unicodedata.normalize("NFKC", name.casefold()).encode("utf-8", "replace")).hexdigest()
        words = f"{words[:71].strip('-') or 'model'}-{digest[:8]}"
    words = words[:80].strip("-") or "model"
    return f"{words}-model" if DEVICE.fullmatch(words) else words


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _items_parquet(items: pd.DataFrame) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [list(prompt_set(a, b)) for a, b in zip(items["prompt"], items["contrastive_prompts"], strict=True)]
    columns = {
        **{name: pa.array(items[name].tolist()) for name in ITEM_COLUMNS[:4]},
        **{
            name: pa.array(items[name].tolist(), pa.list_(kind))
            for name, kind in (
                ("votes", pa.int8()),
                ("ratings", pa.float64()),
                ("compared_with", pa.string()),
                ("preferences", pa.float64()),
            )
            if name in items
        },
        "human_score": pa.array(items["human_score"].tolist(), pa.float64()),
        "label": pa.array(items["label"].tolist(), pa.bool_()),
        "texts": pa.array(texts, pa.list_(pa.string())),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _json(record: BaseModel) -> bytes:
    return (record.model_dump_json(indent=1) + "\n").encode()


def _read(path: Path, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise LeaderboardError(f"{path} is damaged ({explain(error)}).") from None
    except OSError as error:
        raise LeaderboardError(f"{path} can't be read: {error.strerror or error}.") from None
