"""Serve the leaderboard that comes with tia2, and take pictures of it: `python docs/hooks/screenshots.py [FOLDER]`.

Light and dark, 1440 and 390 pixels wide, into docs/images/leaderboard. The Fine-tuning tab shows the runs that lie in
runs/validate, as `tia2 finetune validate` leaves them.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
TABS = {
    "board": "?benchmark=mini&entry=mini-strong~textnorm-cv",
    "plots": "?benchmark=mini&tab=plots",
    "compare": "?benchmark=mini&tab=compare",
    "items": "?benchmark=mini&tab=items",
    "benchmarks": "?tab=benchmarks",
    "calibration": "?benchmark=mini&tab=calibration",
    "finetune": "?benchmark=mini&tab=finetune",
    "submit": "?benchmark=mini&tab=submit",
    "about": "?benchmark=mini&tab=about",
}
WIDTHS = (1440, 390)
THEMES = ("light", "dark")
PROGRAM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
SETTLED = 1500
"""Milliseconds after the tab's content came: figures are drawn by then."""


RUNS = ROOT / "runs" / "validate"
FIGURES = {"plots": 1, "compare": 2, "calibration": 1, "finetune": 1}
"""Number of figures on a tab."""
DRAWN = """count => [...document.querySelectorAll(".js-plotly-plot .infolayer")]
  .filter(layer => layer.closest(".js-plotly-plot").checkVisibility()).length >= count"""

IMAGES = """() => Promise.all([...document.images].filter(image => image.checkVisibility())
  .map(image => { image.loading = "eager"; return image.decode(); }))"""
"""Fetches the images far below, which a page fetches when somebody scrolls there."""


def main(folder: Path, only: str = "") -> None:
    """Take the pictures.

    Args:
        folder: Where to.
        only: Part of the names of those to take; all if empty.
    """
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with serving() as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=PROGRAM, args=list(ARGUMENTS))
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": 900})
            for theme in THEMES:
                for name, query in TABS.items():
                    if only in name:
                        picture = folder / f"{name}-{theme}-{width}.png"
                        take(page, f"{address}{query}&__theme={theme}", picture, FIGURES.get(name, 0))
            page.close()
        browser.close()


def take(page: Any, address: str, path: Path, figures: int = 0) -> None:
    """Take one picture of a whole page, once it shows this number of figures."""
    page.goto(address)
    page.wait_for_function("window.tia2Tab")
    # A busy machine draws figures late: until then, an icon stands in the place of each.
    page.wait_for_function(DRAWN, arg=figures)
    page.wait_for_timeout(SETTLED)
    page.evaluate(IMAGES)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    sys.stdout.write(f"{path}\n")


@contextmanager
def serving() -> Iterator[str]:
    """Serve the results that come with tia2 and the runs that there are; yields the address."""
    from tia2.leaderboard.data.embedded import embedded_store
    from tia2.leaderboard.pages import launch

    with tempfile.TemporaryDirectory() as work:
        store = embedded_store(Path(work) / "store", published=True)
        for run in sorted(RUNS.glob("*/run.json")):
            store.add_run(run.parent, "tia2")
        app = launch(store, wait=False)
        try:
            yield str(app.local_url)
        finally:
            app.close(verbose=False)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "leaderboard", *sys.argv[2:3])
