"""The quickstart as a function: score, evaluate, summarise, draw. Every step's output is a file under one folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import ResultError
from tia2.files import replacing
from tia2.progress import Progress, silent
from tia2.quickstart.plots import Strip, contact_sheet, forest

if TYPE_CHECKING:
    import pandas as pd

    from tia2.benchmark import Benchmark
    from tia2.evaluation import Result
    from tia2.scoring import ScoreTable

REWARDS = ("mini-strong", "mini-web", "mini-countblind", "mini-vivid")
"""The four reward models of the miniature world."""

_SHOWN = 5


@dataclass(frozen=True)
class QuickstartRun:
    """The outcome of the quickstart.

    Attributes:
        benchmark: Benchmark that was scored.
        results: Results, one for each reward in the order of the rewards.
        summary: Table that `summarise` makes of the results.
        groups: Groups of results that can't be told apart by AUROC, from `separate`; None where they can't be found.
        files: Files and folders that were written, by name.
    """

    benchmark: Benchmark
    results: list[Result]
    summary: pd.DataFrame
    groups: pd.DataFrame | None
    files: dict[str, Path]


def run(
    out: str | Path = "runs/quickstart",
    *,
    rewards: Sequence[str] = REWARDS,
    benchmark: str = "mini",
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> QuickstartRun:
    """Score a benchmark with several rewards, evaluate them, and write tables and two pictures.

    An interrupted run is resumed: only missing rewards are computed.

    Args:
        out: The folder to write to.
        rewards: Names or specs of reward models.
        benchmark: A benchmark with images, as `tia2.benchmark.load` takes it.
        seed: Seed of the bootstrap.
        overwrite: Score again, whatever `out` holds.
        progress: Called after every batch with the reward's name, the items done, and the items in all.

    Returns:
        The results, their summary, and where everything was written.

    Raises:
        Tia2Error: A reward or the benchmark can't be loaded, or `out` holds scores of something else.
    """
    from tia2.benchmark import load
    from tia2.evaluation import evaluate, summarise
    from tia2.scoring import score

    folder = Path(out)
    items = load(benchmark)
    tables = [
        score(
            name,
            items,
            folder / "scores" / _file_name(name),
            overwrite=overwrite,
            progress=_of_reward(progress, name),
        )
        for name in rewards
    ]
    results = [evaluate(table, seed=seed) for table in tables]
    summary = summarise(results)

    files = {name: folder / name for name in ("results", "summary.csv", "forest.png", "contact_sheet.png", "scores")}
    for result in results:
        result.save(files["results"] / f"{_file_name(result.entry.name)}.json")
    _write_csv(summary, files["summary.csv"])
    forest(summary, files["forest.png"])
    best = _best(summary)
    at = [result.entry.name for result in results].index(best)
    contact_sheet(
        _typical_prompts(results[at], tables[at], items),
        files["contact_sheet.png"],
        heading=f"What {best} ranks best and worst, for the most typical prompt of each subset",
    )
    return QuickstartRun(items, results, summary, _groups(results), files)


def _groups(results: list[Result]) -> pd.DataFrame | None:
    from tia2.evaluation import separate

    try:
        return separate(results)
    except ResultError:  # fewer than two rewards, or a subset with a single prompt to compare by
        return None


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")


def _of_reward(progress: Progress, name: str) -> Progress:
    """Return what reports the items of one reward under its name; texts take no time worth a report."""

    def report(unit: str, done: int, total: int) -> None:
        if unit == "items":
            progress(name, done, total)

    return report


def _best(summary: pd.DataFrame) -> str:
    last = summary["subset"].cat.categories[-1]
    top = summary[(summary["subset"] == last) & (summary["metric"] == "auroc") & (summary["rank"] == 1)]
    return str(top["entry"].iloc[0])


def _typical_prompts(result: Result, table: ScoreTable, benchmark: Benchmark) -> list[Strip]:
    """Return, for each subset, the prompt whose AUROC is nearest to the subset's mean.

    Prompts with too few images of either label to fill a side come last: they'd show no contrast.
    """
    strips = []
    for subset, rows in result.per_prompt.dropna(subset=["auroc"]).groupby("subset", sort=False):
        rarer = rows["items"] * rows["aligned"].clip(upper=1 - rows["aligned"])
        distance = (rows["auroc"] - rows["auroc"].mean()).abs() + (rarer < _SHOWN)
        typical = rows.loc[distance.idxmin()]
        of_prompt = table.items["subset"].eq(subset) & table.items["prompt_id"].eq(typical["prompt_id"])
        rows_of_prompt = of_prompt.to_numpy().nonzero()[0]
        order = rows_of_prompt[table.raw[rows_of_prompt].argsort(kind="stable")[::-1]]
        chosen = [int(row) for row in (*order[:_SHOWN], *order[_SHOWN:][-_SHOWN:])]
        items = table.items.iloc[chosen]
        aligned = int(table.items["label"].iloc[rows_of_prompt].sum())
        strips.append(
            Strip(
                title=str(items["prompt"].iloc[0]),
                note=f"{subset}: AUROC {typical['auroc']:.2f}, {aligned} of {len(rows_of_prompt)} aligned",
                images=benchmark.images(chosen),
                votes=[list(votes) for votes in items["votes"]],
                best=min(_SHOWN, len(order)),
            )
        )
    return strips


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    with replacing(path) as unfinished:
        frame.to_csv(unfinished, index=False, float_format="%.6f")
