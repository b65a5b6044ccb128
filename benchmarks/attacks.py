"""How often reviewers are told of submissions that are copies, or were made with the votes, and of honest ones.

    python benchmarks/attacks.py [--seeds 20] [--markdown]
    python benchmarks/attacks.py --honest T2ISCORESCORE

Each attack is tried with several seeds on the miniature benchmark, against the board that comes with tia2; honest
models are the board's own, each submitted to a board without it. Flags are what `tia2 leaderboard review` shows.

With --honest it says how alike the scorers are whose scores come with T2IScoreScore: the argument is a folder with its
metadata.csv and scores_final_all_3.csv.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tia2.calibration import Raw
from tia2.leaderboard.data.embedded import embedded_store
from tia2.leaderboard.data.index import Index
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.checking.suspicion import Suspicion, suspicion
from tia2.leaderboard.submissions.evidence.copies import explained, likeness
from tia2.leaderboard.submissions.evidence.orders import orders_of
from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
MODELS = ("mini-strong", "mini-web", "mini-countblind", "mini-vivid")


@dataclass(frozen=True)
class World:
    """What an attacker may know: the entries' rewards, the votes, and where prompts and subsets begin and end."""

    rewards: dict[str, Floats]
    textnorm: Floats
    votes: Floats
    human: Floats
    labels: NDArray[np.bool_]
    prompts: NDArray[np.intp]
    subsets: NDArray[np.intp]


Attack = Callable[[World, np.random.Generator], Floats]
ATTACKS: dict[str, Attack] = {}


def attack(name: str) -> Callable[[Attack], Attack]:
    """Keep an attack under its name."""

    def keep(make: Attack) -> Attack:
        ATTACKS[name] = make
        return make

    return keep


def standard(values: Floats) -> Floats:
    """Return values with mean 0 and standard deviation 1."""
    return (values - values.mean()) / values.std()


def noise(values: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Return values with noise of this share of their standard deviation."""
    return values + rng.normal(size=len(values)) * share * values.std()


def moved(values: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Return values, a share of which has changed places."""
    out, rows = values.copy(), rng.choice(len(values), int(len(values) * share), replace=False)
    out[rows] = out[rng.permutation(rows)]
    return out


for amount in (0.01, 0.05, 0.1, 0.2):
    ATTACKS[f"mini-strong plus {amount:.0%} noise"] = lambda w, rng, amount=amount: noise(
        w.rewards["mini-strong"], amount, rng
    )
for amount in (0.01, 0.1):
    ATTACKS[f"mini-strong, {amount:.0%} of items moved"] = lambda w, rng, amount=amount: moved(
        w.rewards["mini-strong"], amount, rng
    )
ATTACKS["mini-strong as it is"] = lambda w, _: w.rewards["mini-strong"]
ATTACKS["exponential of mini-strong"] = lambda w, _: np.exp(10 * w.rewards["mini-strong"])
ATTACKS["mini-strong, shifted per prompt"] = lambda w, rng: (
    w.rewards["mini-strong"] + rng.normal(size=w.prompts.max() + 1)[w.prompts]
)
ATTACKS["mini-strong, stretched per prompt"] = lambda w, rng: (
    w.rewards["mini-strong"] * rng.uniform(0.1, 10, w.prompts.max() + 1)[w.prompts]
)
ATTACKS["mini-strong, rounded to two digits"] = lambda w, _: np.round(w.rewards["mini-strong"], 2)
ATTACKS["TextNorm of mini-strong as a reward"] = lambda w, _: w.textnorm
ATTACKS["mini-strong on every other prompt, else mini-web"] = lambda w, _: np.where(
    w.prompts % 2 == 0, w.rewards["mini-strong"], w.rewards["mini-web"]
)
ATTACKS["mini-strong on one subset, noise elsewhere"] = lambda w, rng: np.where(
    w.subsets == 0, w.rewards["mini-strong"], rng.normal(size=len(w.prompts))
)
ATTACKS["mini-strong plus mini-web"] = lambda w, _: standard(w.rewards["mini-strong"]) + standard(w.rewards["mini-web"])
ATTACKS["mean of four entries"] = lambda w, _: sum((standard(w.rewards[name]) for name in MODELS), np.zeros(1))
ATTACKS["mean of four entries plus 10% noise"] = lambda w, rng: noise(ATTACKS["mean of four entries"](w, rng), 0.1, rng)
for amount in (0.05, 0.2, 0.3, 0.4, 0.5):
    ATTACKS[f"human score plus {amount:g} noise"] = lambda w, rng, amount=amount: (
        w.human + rng.normal(size=len(w.human)) * amount
    )
ATTACKS["one person's votes plus 0.2 noise"] = lambda w, rng: w.votes[:, 0] + rng.normal(size=len(w.human)) * 0.2
ATTACKS["two people's votes plus 0.3 noise"] = lambda w, rng: (
    w.votes[:, 1:].mean(axis=1) + rng.normal(size=len(w.human)) * 0.3
)
ATTACKS["labels, one in ten wrong, plus 0.1 noise"] = lambda w, rng: (
    (w.labels ^ (rng.random(len(w.labels)) < 0.1)) + rng.normal(size=len(w.labels)) * 0.1
)
ATTACKS["mini-web plus the human score"] = lambda w, _: standard(w.rewards["mini-web"]) + 2 * w.human
ATTACKS["mini-strong plus one person's votes"] = lambda w, _: standard(w.rewards["mini-strong"]) + w.votes[:, 0]
ATTACKS["human score on half of the prompts, else noise"] = lambda w, rng: np.where(
    w.prompts % 2 == 0, w.human + rng.normal(size=len(w.human)) * 0.1, rng.random(len(w.human))
)
ATTACKS["human score of one item in four, else mini-vivid"] = lambda w, rng: np.where(
    rng.random(len(w.human)) < 0.25, 3 * standard(w.human), standard(w.rewards["mini-vivid"])
)


def world_of(store: Store) -> tuple[World, ScoreTable]:
    """Return what an attacker may know of the embedded board, and a score table to put attacks into."""
    from tia2.calibration import TextNorm

    tables = {listing.id: store.table(listing.tables[0]) for listing in store.listings if listing.id in MODELS}
    items = store.items(store.benchmark("mini"))
    votes = np.array([[0.5 if vote < 0 else float(vote) for vote in votes] for votes in items["votes"]])
    return (
        World(
            rewards={name: np.asarray(table.raw, np.float64) for name, table in tables.items()},
            textnorm=TextNorm().apply([tables["mini-strong"]]).values,
            votes=votes,
            human=items["human_score"].to_numpy(np.float64),
            labels=items["label"].to_numpy(np.bool_),
            prompts=items["prompt_id"].factorize()[0],
            subsets=items["subset"].factorize()[0],
        ),
        tables["mini-strong"],
    )


def looked_at(index: Index, table: ScoreTable, values: Floats, replaces: str | None = None) -> Suspicion:
    """Return what a reviewer is told of values that are handed in as a model's raw rewards."""
    record = index.store.benchmark("mini")
    submitted = with_values(table, values)
    return suspicion(index, record, index.store.items(record), [submitted], {Raw(): values}, replaces)


def with_values(table: ScoreTable, values: Floats) -> ScoreTable:
    """Return a score table whose rewards for the prompts are other values."""
    from tia2.scoring.table_files import Shard

    rewards = [
        np.concatenate([[value], row[1:]]).astype(np.float32) for value, row in zip(values, table.rewards, strict=True)
    ]
    return ScoreTable(
        table.manifest, table.items, [Shard(table.items["item_id"].tolist(), table.image_sha256, rewards)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--honest", type=Path, metavar="T2ISCORESCORE")
    options = parser.parse_args()
    if options.honest is not None:
        print(honest_pairs(options.honest))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = embedded_store(Path(folder) / "store")
        index = Index(store, resamples=1000)
        world, table = world_of(store)
        line = "| {} | {} | {} |" if options.markdown else "{:52} {:>9} {}"
        print(line.format("attack", "flagged", "by"))
        for name, make in ATTACKS.items():
            flags = [
                looked_at(index, table, make(world, np.random.default_rng(seed))).flags for seed in range(options.seeds)
            ]
            kinds = sorted({kind_of(flag) for listed in flags for flag in listed})
            caught = sum(map(bool, flags))
            print(line.format(name, f"{caught} of {len(flags)}", ", ".join(kinds)), flush=True)
        for name in MODELS:
            flags = looked_at(index, table, world.rewards[name], name).flags
            print(line.format(f"honest: {name}", f"{bool(flags):d} of 1", "; ".join(flags)), flush=True)


def honest_pairs(folder: Path) -> str:
    """Return how alike the scorers of T2IScoreScore are, in pairs and each with the others together."""
    import pandas as pd

    scores = pd.read_csv(folder / "scores_final_all_3.csv").select_dtypes("number").drop(columns="id", errors="ignore")
    prompts = pd.read_csv(folder / "metadata.csv")["id"]
    whole = scores.notna().all(axis=1).to_numpy()
    codes = prompts[whole].factorize()[0]
    orders = {name: orders_of(scores[name][whole].to_numpy(np.float64), codes) for name in scores}
    orders = {name: order for name, order in orders.items() if order.within.any()}
    names, one = list(orders), np.zeros(len(codes), np.intp)
    pairs = [
        (alike.within, name, alike.name)
        for number, name in enumerate(names)
        for other in names[number + 1 :]
        if (alike := likeness(other, orders[name], orders[other], codes, one)) is not None
    ]
    together = [(explained(orders[name], [orders[other] for other in names if other != name]), name) for name in names]
    return (
        f"{len(names)} scorers, {len(pairs)} pairs, {len(codes):,} items of {codes.max() + 1} prompts\n"
        f"nearest pairs: {[(round(within, 3), a, b) for within, a, b in sorted(pairs)[-5:]]}\n"
        f"best explained: {[(round(multiple, 3), name) for multiple, name in sorted(together)[-3:]]}"
    )


def kind_of(flag: str) -> str:
    """Return in a word what a flag is about."""
    for words, kind in (
        ("orders items as several", "mixture"),
        ("orders items", "copy"),
        ("single votes", "single votes"),
        ("one annotator", "one annotator"),
        ("no entry knows", "votes"),
        ("almost as the votes do", "votes of some prompts"),
        ("ceiling", "ceiling"),
    ):
        if words in flag:
            return kind
    return flag


if __name__ == "__main__":
    main()
