"""Studies of a few small images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tia2.people.store.items import NewItem
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> list[Path]:
    """Forty different images, whose metadata tell what no rater may know."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        facts = PngImagePlugin.PngInfo()
        facts.add_text("prompt", f"seed {number} of secret-model")
        paths.append(folder / f"secret-model_{number:06d}.png")
        Image.fromarray(pixels).save(paths[-1], pnginfo=facts)
    return paths


@pytest.fixture
def new_study(tmp_path, pictures) -> Iterator[Callable[..., Study]]:
    """Make studies of so many items; they are closed at the end."""
    opened: list[Study] = []

    def make(items: int = 6, *, gold: int = 0, clock: Callable[[], float] | None = None, **settings: object) -> Study:
        chosen = {"name": "a study", "gold_share": 0, "repeat_share": 0, **settings}
        kind = dict(chosen.get("question") or {}).get("kind", "aligned")
        width = 2 if kind == "pair" else 1
        listed = [
            NewItem(
                f"item {number}",
                f"prompt {number}",
                [pictures[(width * number + k) % len(pictures)] for k in range(width)],
                facts={"seed": number},
                gold={"alignment": "yes"} if number >= items else None,
            )
            for number in range(items + gold)
        ]
        more = {} if clock is None else {"clock": clock}
        folder = tmp_path / f"study-{len(opened)}"
        opened.append(Study.create(folder, StudySettings.model_validate(chosen), listed, durable=False, **more))
        return opened[-1]

    yield make
    for study in opened:
        study.close()


@pytest.fixture(scope="session")
def mini_table(once) -> Path:
    """A table of 144 images of the miniature world: four prompts of each subset, twelve images of each."""
    import pandas as pd

    from tia2.benchmark import load

    def fill(folder: Path) -> None:
        benchmark = load("mini")
        items = benchmark.items
        chosen = items[items.groupby("subset")["prompt_id"].transform(lambda ids: pd.factorize(ids)[0]) % 5 == 2]
        chosen = chosen[chosen.groupby("prompt_id").cumcount() < 12]
        rows = []
        for position in chosen.index:
            name = items["item_id"][position].replace("/", "_") + ".png"
            benchmark.images([position])[0].save(folder / name)
            kept = {column: items[column][position] for column in ("prompt", "subset", "prompt_id")}
            rows.append({"image": name, **kept, "truth": bool(items["label"][position])})
        pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)

    return once("people-mini", fill) / "images.csv"


@pytest.fixture(scope="session")
def voted(once, mini_table) -> Path:
    """A study on these images, on which five honest people, a spammer and a contrarian have voted. Read only."""
    from tia2.people.simulated.annotators import CONTRARIAN, PEOPLE, SPAMMER
    from tia2.people.simulated.voting import let_vote
    from tia2.people.sources import items_of

    def fill(folder: Path) -> None:
        asked = StudySettings(name="circles", votes_per_item=4, repeat_share=0.1, gold_share=0.1)
        items = items_of(mini_table, asked.question)
        gold = [
            NewItem(
                f"gold {item.key}", item.prompt, item.images, gold={"alignment": "yes" if item.facts["truth"] else "no"}
            )
            for item in items[::8]
        ]
        study = Study.create(folder / "study", asked, [*items, *gold], durable=False)
        let_vote(study, [*PEOPLE, SPAMMER, CONTRARIAN])
        study.close()

    return once("people-voted", fill) / "study"
