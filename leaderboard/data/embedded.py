"""The results that come with tia2: four small reward models on the miniature benchmark, as a store to start from."""

from __future__ import annotations

import os
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from tia2.calibration import Mean, UncertaintyRegularised, cross_validated
from tia2.errors import LeaderboardError
from tia2.files import new_folder

from .published_board import add_published_board
from .records import Cost, Listing, ModelCard, default_calibrations
from .store import Store, now

REWARDS = {"mini-strong": 13_958_784, "mini-web": 7_675_904, "mini-countblind": 7_675_904, "mini-vivid": 7_675_904}
"""Multiply-accumulate operations of one image and the text "two red circles", as PyTorch counts them."""
TITLE = "Miniature world"
DESCRIPTION = (
    "Rendered scenes, a tiny diffusion model and simulated votes. It shows how methods behave, not how real models do."
)


def embedded_store(folder: str | os.PathLike[str], published: bool = False) -> Store:
    """Return the store in a folder, made from the embedded results if there is none yet.

    Args:
        folder: Where it lies or will lie.
        published: Whether a new store also gets TIA2 with the figures released with the paper.

    Raises:
        LeaderboardError: The folder holds something else.
    """
    from tia2.benchmark import load

    path = Path(folder)
    if (path / "store.json").is_file():
        return Store(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise LeaderboardError(f"{path} is not empty and no leaderboard: choose another folder.")
    with new_folder(path, LeaderboardError) as unfinished:
        store = Store.create(unfinished, "TIA2 leaderboard")
        store.add_benchmark(load("mini"), title=TITLE, images="mini", description=DESCRIPTION, simulated=True)
        fill(store)
        if published:
            add_published_board(store)
    return Store(path)


def fill(store: Store) -> None:
    """Put the embedded results into a store that has the benchmark `mini`."""
    from tia2.scoring import ScoreTable

    digests = []
    for name, macs in REWARDS.items():
        with as_file(files("tia2.leaderboard") / "assets" / name) as asset:
            table = ScoreTable.load(asset)
        digests.append(store.add_table(table))
        origin: dict[str, Any] = {"benchmark": "mini", "added": now(), "added_by": "tia2"}
        card = table.manifest.reward.card
        store.add_listing(
            Listing(
                id=name,
                card=ModelCard(
                    name=name,
                    description=card.notes or card.formula,
                    licence=card.licence,
                    training_data=card.training_data,
                    cost=Cost(macs=macs),
                ),
                tables=[digests[-1]],
                calibrations=default_calibrations(1, contrastive=True, temperature=True),
                **origin,
            )
        )
    store.add_listing(
        Listing(
            id="mini-ensemble",
            card=ModelCard(
                name="mini-ensemble",
                description=f"TextNorm values of {', '.join(REWARDS)}, together.",
                licence="Apache-2.0",
                training_data="that of its members",
                cost=Cost(macs=sum(REWARDS.values())),
            ),
            tables=digests,
            calibrations=[
                Mean(),
                UncertaintyRegularised(),
                cross_validated(UncertaintyRegularised()),
            ],
            **origin,
        )
    )
