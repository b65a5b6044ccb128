from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tia2.calibration import Raw, TextNorm
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.records import Listing, ModelCard
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.checking.report import RefusedError
from tia2.leaderboard.submissions.package import build
from tia2.rewards.card import RewardCard
from tia2.scoring import ScoreTable
from tia2.scoring.manifest import Manifest, ScoredBenchmark, ScoredReward
from tia2.scoring.table_files import Shard

SUBSETS, PROMPTS, ITEMS = ("counting", "composition"), 4, 10
CARD = ModelCard(
    name="newcomer",
    description="A test.",
    licence="MIT",
    contact="https://example.org/me",
    training_data="none",
)
RAW = Raw()
TEXTNORM = TextNorm()


@pytest.fixture
def check_here(monkeypatch) -> Callable[[], None]:
    """Spare files that can do no harm the start of another process."""
    from tia2.leaderboard.submissions.checking import parquet, runs, unpacked

    def check(wanted) -> None:
        problem = next((text for text in map(parquet.problem, wanted) if text), None)
        if problem:
            raise RefusedError([problem])

    def patch() -> None:
        for module in (unpacked, runs):
            monkeypatch.setattr(module, "check_files", check)

    return patch


@pytest.fixture(autouse=True)
def checked_here(request, check_here) -> None:
    """Check files in this process, but where a test's module wants another one."""
    if not getattr(request.module, "APART", False):
        check_here()


@pytest.fixture(scope="session")
def benchmark():
    """Two subsets, four prompts each, ten items a prompt, two contrastive prompts; no images."""
    from datasets import Dataset

    import tia2.benchmark

    rng = np.random.default_rng(0)
    rows = []
    for subset in SUBSETS:
        for prompt in range(PROMPTS):
            for number in range(ITEMS):
                chance = number / (ITEMS - 1)
                rows.append(
                    {
                        "item_id": f"{subset}/image_{prompt}_{number}",
                        "subset": subset,
                        "prompt_id": f"{subset}/{prompt}",
                        "prompt": f"{subset} prompt {prompt}",
                        "votes": [int(vote) for vote in rng.random(3) < chance],
                        "contrastive_prompts": [f"{subset} other {prompt}", f"{subset} third {prompt}"],
                    }
                )
    return tia2.benchmark.Benchmark(Dataset.from_list(rows), "small")


def table_of(
    items, benchmark, rewards: np.ndarray, name: str = "newcomer", *, shard_size: int = 32, **manifest
) -> ScoreTable:
    """A score table of these rewards, (items, texts), as `tia2.score` would have made it."""
    texts = [[row.prompt, *row.contrastive_prompts] for row in items.itertuples()]
    items = items.assign(texts=texts)
    images = [hashlib.sha256(item.encode()).hexdigest() for item in items["item_id"]]
    of = manifest.pop("of", None) or ScoredBenchmark(
        name=benchmark.name,
        fingerprint=benchmark.fingerprint,
        votes_fingerprint=benchmark.votes_fingerprint,
        items=len(items),
    )
    reward = ScoredReward(
        name=name,
        spec=f"{name}.py:Mine",
        fingerprint=hashlib.sha256(name.encode()).hexdigest(),
        card=RewardCard(name=name, default_temperature=0.5),
    )
    made = Manifest(
        **{
            "created": "2026-01-01T00:00:00+00:00",
            "benchmark": of,
            "reward": reward,
            "versions": {"tia2": "0.1.0"},
            "dtype": "float32",
            "device": "cpu",
            "batch_size": 8,
            "shard_size": shard_size,
            "texts": 24,
            "truncated_texts": 0,
            "images_fingerprint": hashlib.sha256("\n".join(images).encode()).hexdigest(),
            "complete": True,
            **manifest,
        }
    )
    rows = [row[: len(texts)] for row, texts in zip(np.asarray(rewards, np.float32), items["texts"], strict=True)]
    return ScoreTable(made, items, [Shard(items["item_id"].tolist(), images, rows)])


def noisy(benchmark, seed: int, noise: float = 0.6) -> np.ndarray:
    """Rewards that agree with people, somewhat."""
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=(len(benchmark), 3)) * noise
    rewards[:, 0] += benchmark.items["human_score"]
    return rewards.astype(np.float32)


@pytest.fixture
def make_table(benchmark) -> Callable[..., ScoreTable]:
    def make(rewards=None, name: str = "newcomer", *, items=None, seed: int = 1, **manifest) -> ScoreTable:
        chosen = benchmark.items if items is None else items
        found = noisy(benchmark, seed)[: len(chosen)] if rewards is None else rewards
        return table_of(chosen, benchmark, found, name, **manifest)

    return make


@pytest.fixture(scope="session")
def template(benchmark, tmp_path_factory) -> Path:
    """A store with one model on the board."""
    store = Store.create(tmp_path_factory.mktemp("template") / "store", "Test")
    store.add_benchmark(benchmark, title="Small")
    digest = store.add_table(table_of(benchmark.items, benchmark, noisy(benchmark, 7), "resident"))
    store.add_listing(
        Listing(
            id="pick-score",
            benchmark="small",
            card=ModelCard(name="pick-score"),
            tables=[digest],
            calibrations=[RAW, TEXTNORM],
            added="2026-01-01T00:00:00+00:00",
        )
    )
    # How well people agree takes a moment to bootstrap; every test's copy has it.
    Index(store).outline(store.benchmark("small"))
    return store.folder


@pytest.fixture
def store(template, tmp_path) -> Store:
    shutil.copytree(template, tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture
def pack(tmp_path) -> Callable[..., Path]:
    """Build a submission of tables, honestly, and return the zip."""

    def make(*tables: ScoreTable, card: ModelCard = CARD, calibrations=(RAW, TEXTNORM), **options) -> Path:
        number = len(list(tmp_path.glob("pack-*")))
        folder = tmp_path / f"pack-{number}"
        for place, table in enumerate(tables):
            table.save(folder / str(place))
        paths = [folder / str(place) for place in range(len(tables))]
        build(paths, card, list(calibrations), folder / "submission.zip", **options)
        return folder / "submission.zip"

    return make


@pytest.fixture
def tools() -> SimpleNamespace:
    """What tests do to a zip that was built honestly."""
    return SimpleNamespace(files_of=files_of, rewrite=rewrite, edit_json=edit_json, contents=contents)


@pytest.fixture
def card() -> ModelCard:
    return CARD


@pytest.fixture
def good(pack, make_table) -> Path:
    return pack(make_table())


def files_of(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as found:
        return {name: found.read(name) for name in found.namelist()}


def rewrite(archive: Path, files: dict[str, bytes]) -> Path:
    """Write a zip of these files in the place of another."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return archive


def edit_json(archive: Path, name: str, change: Callable[[dict], object]) -> Path:
    files = files_of(archive)
    content = json.loads(files[name])
    change(content)
    files[name] = json.dumps(content).encode()
    return rewrite(archive, files)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder but what SQLite keeps beside its file while that is open."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith(("-wal", "-shm"))
    }
