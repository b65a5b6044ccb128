"""What is derived from score tables, kept so that a board starts fast.

Every file is named after what it was computed from, so nothing here can be out of date: a changed table, setting or
method has another name. The folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.calibration.base import Calibration
from tia2.errors import LeaderboardError, ScoreTableError
from tia2.evaluation.bootstrap import RESAMPLES
from tia2.evaluation.metrics import METRICS
from tia2.evaluation.metrics.pair_metrics import PAIR_METRICS
from tia2.evaluation.result import Result
from tia2.files import write_atomically

from ..finetuned.best_of_n import VERSION as BEST_OF_N_VERSION
from ..finetuned.best_of_n import best_of_n_arrays
from .published_board import outline_of_published
from .records import BenchmarkRecord, Listing, written_by_version_1
from .summaries import Outline, Summary, npy, npz, read_summaries, summary_of, write_summary

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

    from .store import Store

Floats = NDArray[np.float64]

VERSION = 1
"""Raised when the same input would give other files."""
SEED = 0
METRICS_OF_0_1 = [[name, "1"] for name in ("auroc", "auprc", "ap5", "ap10", "ap25", "spearman", "kendall")]


class Index:
    """The derived files of a store.

    Args:
        store: The store.
        resamples: Number of resamples behind every interval.
    """

    def __init__(self, store: Store, resamples: int = RESAMPLES) -> None:
        self.store = store
        self.resamples = resamples
        self.folder = store.index
        self._items: dict[str, pd.DataFrame] = {}
        self._tables: tuple[tuple[str, ...], list[ScoreTable]] | None = None
        self._fingerprints: dict[str, str] = {}

    # Keys

    def entry_key(self, benchmark: BenchmarkRecord, listing: Listing, calibration: Calibration) -> str:
        """Return the name of an entry's files."""
        name = calibration.entry_name(listing.card.name)
        return self._key("entry", _identity(benchmark), listing.tables, *calibration_key(calibration), name)

    def published_key(self, benchmark: BenchmarkRecord, path: Path) -> str:
        """Return the name of a published result's files."""
        return self._key("published", _identity(benchmark), hashlib.sha256(path.read_bytes()).hexdigest())

    def _key(self, *parts: Any) -> str:
        metrics = [[metric.name, metric.version] for _, metric in METRICS.items()]
        # Left out where they are those of version 0.1, whose files are named without them and stay valid.
        in_force = [] if metrics == METRICS_OF_0_1 else [metrics]
        words = json.dumps([VERSION, SEED, self.resamples, *parts, *in_force], sort_keys=True)
        return hashlib.sha256(words.encode()).hexdigest()[:32]

    # Benchmarks

    def items(self, benchmark: BenchmarkRecord) -> pd.DataFrame:
        """Return a benchmark's items as `Store.items` does, indexed by their ids; read once."""
        items = self._items.get(benchmark.name)
        if items is None:
            items = self.store.items(benchmark)
            items = self._items[benchmark.name] = items.set_index("item_id", drop=False)
        return items

    def outline(self, benchmark: BenchmarkRecord) -> Outline:
        """Return a benchmark's scopes, prompts and people."""
        import pandas as pd
        from pydantic import TypeAdapter

        from tia2.evaluation.result import People

        people_of = TypeAdapter(dict[str, People] | None)
        # Without items, prompts have no texts.
        kept = [] if benchmark.items_kept else ["published"]
        path = self.folder / f"{self._key('outline', _identity(benchmark), *kept)}.json"
        content = _read_json(path)
        if content is None:
            content = self._outline(benchmark)
            content["people"] = people_of.dump_python(content["people"], mode="json")
            write_atomically(path, json.dumps(content).encode(), LeaderboardError)
        people = people_of.validate_python(content["people"])
        return Outline(tuple(content["scopes"]), pd.DataFrame(content["prompts"]), people, tuple(benchmark.metrics))

    def _outline(self, benchmark: BenchmarkRecord) -> dict[str, Any]:
        from tia2.evaluation.panel import Panel
        from tia2.evaluation.people.reference_rows import people

        if not benchmark.items_kept:
            return outline_of_published(self.store, benchmark)
        items = self.items(benchmark)
        panel = Panel.of(items)
        prompts = panel.prompts.assign(aligned=panel.aligned, used=panel.used)
        by_people = people(items, SEED, self.resamples, benchmark.scale)
        return {"scopes": panel.scopes, "prompts": prompts.to_dict("list"), "people": by_people}

    # Entries

    def has(self, key: str) -> bool:
        """Whether an entry's files are there."""
        return (self.folder / f"{key}.npz").is_file()

    def build(self, benchmark: BenchmarkRecord, outline: Outline, listing: Listing, calibration: Calibration) -> None:
        """Evaluate an entry and keep what comes out.

        Raises:
            Tia2Error: Its tables are missing or damaged, or can't be calibrated like this.
        """
        from tia2.evaluation import evaluate

        tables = self._load(benchmark, listing.tables)
        values = replace(calibration.apply(tables), name=calibration.entry_name(listing.card.name))
        # Rank correlations over the prompts whose labels differ, as those of the published entries beside it.
        result = evaluate(values, seed=SEED, resamples=self.resamples, prompts="label")
        arranged = np.full(benchmark.items, np.nan)
        arranged[self._rows(benchmark, tables[0])] = values.values
        key = self.entry_key(benchmark, listing, calibration)
        self.arrays(_best_of_n(key), lambda: best_of_n_arrays(values, outline.scopes, self.resamples))
        self._keep(key, result, outline, arranged)

    def build_published(self, benchmark: BenchmarkRecord, outline: Outline, path: Path) -> None:
        """Arrange a published result for the board."""
        self._keep(self.published_key(benchmark, path), Result.load(path), outline, None)

    def summaries(self, benchmark: BenchmarkRecord, keys: Sequence[str]) -> list[Summary]:
        """Return entries' figures."""
        together = self._arrays_path(["summaries", _identity(benchmark)])
        return read_summaries([self.folder / f"{key}.npz" for key in keys], together)

    def result(self, key: str) -> Result:
        """Return an entry's result."""
        return Result.load(self.folder / f"{key}.json")

    def values(self, key: str) -> Floats | None:
        """Return an entry's values, one an item of the benchmark, NaN where there is none; None if not known."""
        path = self.folder / f"{key}.npy"
        if not path.is_file():
            return None
        values: Floats = np.load(path, allow_pickle=False)
        return values

    def rewards(self, benchmark: BenchmarkRecord, digest: str) -> NDArray[np.float32]:
        """Return a score table's rewards by the benchmark's items, (items, texts); NaN where there is none."""
        path = self.folder / f"{self._key('rewards', _identity(benchmark), digest)}.npy"
        if not path.is_file():
            (table,) = self._load(benchmark, [digest])
            width = int(self.items(benchmark)["texts"].map(len).max())
            arranged = np.full((benchmark.items, width), np.nan, np.float32)
            rewards = np.where(table.mask, table.rewards, np.nan)
            arranged[self._rows(benchmark, table), : rewards.shape[1]] = rewards
            write_atomically(path, npy(arranged), LeaderboardError)
        mapped: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped

    def arrays(self, key_of: Sequence[Any], make: Callable[[], Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
        """Return arrays that are kept under a key, made when they aren't there."""
        path = self._arrays_path(key_of)
        if not path.is_file():
            write_atomically(path, npz(make()), LeaderboardError)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def _arrays_path(self, key_of: Sequence[Any]) -> Path:
        return self.folder / f"{self._key('arrays', *key_of)}.npz"

    def best_of_n(
        self,
        benchmark: BenchmarkRecord,
        scopes: Sequence[str],
        listing: Listing,
        calibration: Calibration,
        make: bool = True,
    ) -> dict[str, NDArray[Any]] | None:
        """Return what choosing the best of n by an entry gains, as `best_of_n_part` reads it.

        It is made with the entry; an index of an earlier version lacks it.

        Args:
            benchmark: The benchmark's record.
            scopes: Its scopes.
            listing: The model.
            calibration: Calibration of its rewards.
            make: Whether to compute it where it isn't there; None is returned otherwise.

        Raises:
            Tia2Error: Its tables are missing or damaged.
        """
        key = _best_of_n(self.entry_key(benchmark, listing, calibration))
        if not make and not self._arrays_path(key).is_file():
            return None

        def compute() -> dict[str, NDArray[Any]]:
            return best_of_n_arrays(calibration.apply(self._load(benchmark, listing.tables)), scopes, self.resamples)

        return self.arrays(key, compute)

    def fingerprint(self, digest: str) -> str:
        """Return the digest of the reward model that a score table was made with; empty where the table is damaged."""
        from tia2.scoring.manifest import Manifest

        if digest not in self._fingerprints:
            try:
                manifest = Manifest.read(self.store.table_path(digest) / "manifest.json")
            except ScoreTableError:  # the board says so of its entries
                return ""
            self._fingerprints[digest] = manifest.reward.fingerprint
        return self._fingerprints[digest]

    def scored_with(self, digest: str) -> str:
        """Return the version of tia2 that a score table was made with; empty where its manifest doesn't say."""
        from tia2.scoring.manifest import Manifest

        try:
            return Manifest.read(self.store.table_path(digest) / "manifest.json").versions.get("tia2", "")
        except ScoreTableError:  # the board says so of its entries
            return ""

    def _load(self, benchmark: BenchmarkRecord, digests: Sequence[str]) -> list[ScoreTable]:
        """Return score tables, with prompts and votes from the store's own copy of the benchmark."""
        wanted = (benchmark.name, *digests)
        # In a variable of its own, since another thread may load other tables meanwhile.
        latest = self._tables
        if latest is None or latest[0] != wanted:
            tables = [self.store.table(digest) for digest in digests]
            for table in tables:
                stored = self.items(benchmark).iloc[self._rows(benchmark, table)].reset_index(drop=True)
                if stored["texts"].tolist() != table.items["texts"].tolist():
                    raise LeaderboardError(f"{table.name} was scored with other prompts than {benchmark.name} has.")
                table.items = stored
            latest = self._tables = (wanted, tables)
        return latest[1]

    def _rows(self, benchmark: BenchmarkRecord, table: ScoreTable) -> NDArray[np.intp]:
        import pandas as pd

        index = self.items(benchmark).index
        rows = index.get_indexer(pd.Index(table.items["item_id"]))
        if (rows < 0).any():
            foreign = table.items["item_id"].iloc[int((rows < 0).argmax())]
            raise LeaderboardError(f"{table.name} has the item {foreign!r}, which {benchmark.name} hasn't.")
        return np.asarray(rows, np.intp)

    def _keep(self, key: str, result: Result, outline: Outline, values: Floats | None) -> None:
        content = (result.model_dump_json() + "\n").encode()
        write_atomically(self.folder / f"{key}.json", content, LeaderboardError)
        if values is not None:
            write_atomically(self.folder / f"{key}.npy", npy(values), LeaderboardError)
        # Last, since it stands for all of them.
        write_summary(self.folder / f"{key}.npz", summary_of(result, outline))


def calibration_key(calibration: Calibration) -> list[Any]:
    """Return the part of a key that stands for a calibration: its settings, and the versions of all its classes.

    Where version 0.1 made the same values, it is what version 0.1 wrote, whose files then stay valid.

    Args:
        calibration: The calibration.
    """
    written = written_by_version_1(calibration)
    return [calibration.model_dump(), calibration.versions] if written is None else [written]


def _best_of_n(key: str) -> list[Any]:
    return ["best of n", BEST_OF_N_VERSION, key]


def _identity(benchmark: BenchmarkRecord) -> list[str]:
    # Metrics of pairs have versions of their own.
    of_pairs = (
        [f"{name} {metric.version}" for name, metric in PAIR_METRICS.items()] if benchmark.judged == "pairs" else []
    )
    return [benchmark.fingerprint, benchmark.votes_fingerprint, *of_pairs]


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return content
