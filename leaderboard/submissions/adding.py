"""What a maintainer puts on the board directly: score tables and runs of a trusted origin, and published results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tia2.calibration.choosing import FOLDS
from tia2.errors import LeaderboardError

from ..data.published_board import DESCRIPTION, TITLE
from ..data.records import UNKNOWN, Listing, ModelCard, default_calibrations
from ..data.references import is_https
from ..data.store import Store, now, slug
from ..finetuned.files import StoredRun
from ..finetuned.recheck import rechecked
from .checking.checks import calibrated, card_problems, ensemble_problem, table_problems
from .checking.trust import trusted
from .checking.validation import find_benchmark, name_collisions

if TYPE_CHECKING:
    import pandas as pd

    from tia2.evaluation import Result
    from tia2.scoring import ScoreTable


def add_tables(
    store: Store,
    paths: Sequence[str | os.PathLike[str]],
    declared: Mapping[str, Any],
    *,
    added_by: str,
    replace: bool = False,
) -> Listing:
    """Put a model on the board, with every entry that its score tables allow.

    Args:
        store: The store.
        paths: Folders of score tables; several make an ensemble.
        declared: Fields of the model's card; what one table's own card knows is taken where they are silent.
        added_by: Who does it.
        replace: Whether a model of this name is replaced.

    Raises:
        LeaderboardError: The tables are on no benchmark of the store, don't fit it, or the name is taken.
        ScoreTableError: A table is missing or damaged.

    Example:
        >>> add_tables(Store("runs/leaderboard"), ["runs/mine"], {"name": "mine"}, added_by="me")  # doctest: +SKIP
    """
    from tia2.scoring import ScoreTable

    loaded = [ScoreTable.load(path) for path in paths]
    record = find_benchmark(store, loaded[0])
    if record is None:
        benchmarks = ", ".join(record_of.name for record_of in store.benchmarks) or "none"
        raise LeaderboardError(
            f"{os.fspath(paths[0])} is on the benchmark {loaded[0].manifest.benchmark.name}, which the leaderboard "
            f"doesn't have. It has: {benchmarks}."
        )
    items = store.items(record)
    card = _card(loaded, declared)
    # A model of an earlier version keeps the id that it got then.
    name = next(
        (listing.id for listing in store.listings if replace and listing.card.name == card.name), slug(card.name)
    )
    problems = [
        *card_problems(card),
        *name_collisions(store, card.name, name if replace else None),
        *(
            text
            for path, table in zip(paths, loaded, strict=True)
            for text in table_problems(str(path), table, items, record)
        ),
    ]
    if problems:
        raise LeaderboardError(" ".join(problems))
    tables = [trusted(table, items, record, public=False) for table in loaded]
    apart = ensemble_problem(tables)
    if apart:
        raise LeaderboardError(apart)
    cards = [table.manifest.reward.card for table in tables]
    calibrations = default_calibrations(
        len(tables),
        contrastive=any(table.rewards.shape[1] > 1 for table in tables),
        temperature=all(record_of.default_temperature is not None for record_of in cards),
        folds=_prompts_with_contrast(items) >= FOLDS,
    )
    _, problems, _ = calibrated(tables, calibrations)
    if problems:
        raise LeaderboardError(" ".join(problems))
    listing = Listing(
        id=name,
        benchmark=record.name,
        card=card,
        tables=[store.add_table(table) for table in tables],
        calibrations=calibrations,
        added=now(),
        added_by=added_by,
    )
    store.add_listing(listing)
    return listing


def add_runs(store: Store, paths: Sequence[str | os.PathLike[str]], *, added_by: str) -> list[StoredRun]:
    """Put fine-tuning runs on the board without a review; what can be computed again is computed first.

    Args:
        store: The store.
        paths: Folders of runs.
        added_by: Who does it.

    Returns:
        The runs.

    Raises:
        FinetuneError: A folder holds no run, or a damaged one.
        LeaderboardError: A run's scores, images and journal don't fit together. Runs before it are added.
    """
    runs = []
    for path in paths:
        present = {run.id for run in store.runs}
        run = store.add_run(path, added_by)
        problems = rechecked(run, store.index).problems
        if problems and run.id not in present:
            store.remove_run(run.id)
        if problems:
            raise LeaderboardError(f"{os.fspath(path)} can't be shown as validated. {' '.join(problems)}")
        runs.append(run)
    return runs


def add_published_results(store: Store, data_dir: str | os.PathLike[str] | None = None) -> list[Result]:
    """Put the figures released with the paper on the board, and TIA2 itself if it isn't there.

    Args:
        store: The store.
        data_dir: A local copy of TIA2; downloaded where it lacks something.

    Returns:
        The results.

    Raises:
        LeaderboardError: The store has another benchmark of that name.
        DownloadError: Something could not be downloaded.
    """
    from tia2.benchmark import load
    from tia2.evaluation import published

    benchmark = load("all", data_dir=data_dir)
    if benchmark.fingerprint not in {record.fingerprint for record in store.benchmarks if record.items_kept}:
        store.add_benchmark(
            benchmark,
            title=TITLE,
            images=os.fspath(data_dir) if data_dir is not None and benchmark.has_images else None,
            description=DESCRIPTION,
        )
    results = published("all", data_dir=data_dir)
    for result in results:
        store.add_published(result)
    return results


def own_facts(tables: Sequence[ScoreTable]) -> dict[str, Any]:
    """Return what a reward model's own card says, by the fields of `ModelCard`; nothing for the members of an ensemble.

    Args:
        tables: The score tables of one entry.
    """
    if len(tables) != 1:
        return {}
    reward = tables[0].manifest.reward
    card = reward.card
    return {
        "name": reward.name,
        "description": card.notes or ("" if card.formula == UNKNOWN else card.formula),
        "licence": card.licence,
        "training_data": card.training_data,
        "paper": card.paper if card.paper and is_https(card.paper) else None,
        "cite": card.cite,
    }


def _prompts_with_contrast(items: pd.DataFrame) -> int:
    """Return the number of prompts whose labels differ, over which settings are chosen."""
    return int((items.groupby("prompt_id")["label"].nunique() > 1).sum())


def imported_sentence(tables: Sequence[ScoreTable]) -> str:
    """Return a sentence on rewards that were computed elsewhere; empty where there are none.

    Args:
        tables: The score tables of one entry.
    """
    origins = [table.manifest.imported.computed_by for table in tables if table.manifest.imported is not None]
    if not origins:
        return ""
    return f"Rewards computed elsewhere (by: {', '.join(dict.fromkeys(origins))}) and imported; no image was seen."


def _card(tables: Sequence[ScoreTable], declared: Mapping[str, Any]) -> ModelCard:
    from pydantic import ValidationError

    facts = {**own_facts(tables), **declared}
    elsewhere = imported_sentence(tables)
    if elsewhere:
        # Whatever is declared, readers must know it.
        facts["description"] = " ".join(filter(None, [facts.get("description"), elsewhere]))
    try:
        return ModelCard(**{key: text for key, text in facts.items() if text})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise LeaderboardError(
            f"The model's card doesn't fit: {where}: {first['msg']}. Name it with --{where}."
        ) from None
