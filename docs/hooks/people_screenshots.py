"""Take pictures of the page for votes, its dashboard and a verdict: `python docs/hooks/people_screenshots.py [FOLDER]`.

Light and dark, 1280 and 390 pixels wide, into docs/images/people. Simulated people have voted on images of `mini`, and
compared the miniature generator with itself at half of its training.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from screenshots import ARGUMENTS, PROGRAM, ROOT, THEMES

from tia2.benchmark import load
from tia2.people.demo import DEMO, mini_prompts
from tia2.people.demo_models import compare_generators
from tia2.people.making.sampling import sample_prompts
from tia2.people.page.serving import serving
from tia2.people.simulated.annotators import CONTRARIAN, PEOPLE, SPAMMER
from tia2.people.simulated.voting import StudyDesk, let_vote
from tia2.people.sources import items_of
from tia2.people.store.items import NewItem
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study

WIDTHS = (1280, 390)
SETTLED = 1200
"""Milliseconds after which a page shows its images."""


def main(folder: Path) -> None:
    """Take the pictures.

    Args:
        folder: Where to.
    """
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        study = _study(Path(work))
        visitor = study.add_rater("Visitor")
        verdict = _verdict(Path(work))
        with serving(study) as address, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=PROGRAM, args=list(ARGUMENTS))
            for width in WIDTHS:
                for theme in THEMES:
                    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=theme)
                    _take(page, f"{address}/#t={visitor.token}", "#images img", folder / f"vote-{theme}-{width}.png")
                    owner = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=theme)
                    link = f"{address}/owner#t={study.owner_token}"
                    _take(owner, link, ".disputes img", folder / f"owner-{theme}-{width}.png", True)
                    written = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=theme)
                    _take(written, verdict.as_uri(), ".main-svg", folder / f"verdict-{theme}-{width}.png")
            browser.close()
        study.close()


def _take(page: Any, address: str, awaited: str, path: Path, whole: bool = False) -> None:
    page.goto(address)
    page.wait_for_selector(awaited)
    page.wait_for_timeout(SETTLED)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole)))
    picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    sys.stdout.write(f"{path}\n")


def _verdict(work: Path) -> Path:
    prompts = [{"prompt": prompt.prompt} for prompt in mini_prompts(6)]
    sample_prompts(prompts, work / "samples", images=6, settings=DEMO)
    return compare_generators(work, prompts, [*PEOPLE, SPAMMER, CONTRARIAN], settings=DEMO, images=6).page


def _study(folder: Path) -> Study:
    benchmark = load("mini")
    items = benchmark.items
    rows = []
    for position in items.index[items.groupby("prompt_id").cumcount() < 4]:
        name = f"{position}.png"
        benchmark.images([position])[0].save(folder / name)
        rows.append({"image": name, "prompt": items["prompt"][position], "truth": bool(items["label"][position])})
    pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)
    settings = StudySettings(name="Which images show it?", votes_per_item=4, repeat_gap=5)
    asked = items_of(folder / "images.csv", settings.question)
    gold = [
        NewItem(
            f"gold {item.key}", item.prompt, item.images, gold={"alignment": "yes" if item.facts["truth"] else "no"}
        )
        for item in asked[::10]
    ]
    study = Study.create(folder / "study", settings, [*asked, *gold], durable=False)
    # So that the dashboard has something to say and the visitor something to do.
    some = study.add_rater("Visitor")
    StudyDesk(study, some).queue(6)
    let_vote(study, [*PEOPLE, SPAMMER, CONTRARIAN])
    return study


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "people")
