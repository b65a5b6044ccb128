"""What somebody does who has installed the toy package; run as a program, prints what came out as JSON.

python toy_session.py FOLDER
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any


def command(*words: object) -> str:
    """Run a command and return what it printed."""
    from tia2.cli import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main([str(word) for word in words])
    if code:
        raise SystemExit(f"{words} exited {code}: {said.getvalue()}")
    return said.getvalue()


def session(folder: Path) -> dict[str, Any]:
    """Return what every surface says."""
    from tia2.benchmark import load
    from tia2.leaderboard.data.board import Board
    from tia2.leaderboard.data.index import Index
    from tia2.leaderboard.data.store import Store

    assets = files("tia2.leaderboard") / "assets"
    strong, web = assets / "mini-strong", assets / "mini-web"
    store = Store.create(folder / "store", "Toys")
    store.add_benchmark(load("mini"), title="Miniature world", images="mini")
    said: dict[str, Any] = {
        "listed": command("evaluate", "--list-calibrations"),
        "evaluate": command("evaluate", strong, "--calibration", "toy", "--metric", "toy_best"),
        "evaluate_json": json.loads(command("evaluate", strong, "--calibration", "toy:weight=0.5", "--json")),
        "compare": command("compare", strong, web, "--calibration", "toy", "--metric", "toy_best"),
        "analyze": command(
            "analyze",
            "calibration",
            strong,
            "--calibration",
            "toy",
            "--metric",
            "toy_best",
            "--out",
            folder / "analysis",
        ),
        "submit": command(
            "submit", strong, "--calibration", "raw", "--calibration", "toy", "--store", folder / "store"
        ),
    }
    accept = said["submit"].splitlines()[-1].split()[1:]
    said["accept"] = command(*accept)
    board = Board.load(store, "mini", index=Index(store, resamples=100))
    said["entries"] = {entry.id: [entry.name, *entry.chips] for entry in board.entries}
    said["written"] = json.loads((folder / "store" / "listings" / "mini-strong.json").read_text(encoding="utf-8"))
    said |= surfaces(board)
    return said


def surfaces(board: Any) -> dict[str, Any]:
    """Return the board's table, plots, files and definitions."""
    from tia2.leaderboard import plots
    from tia2.leaderboard.exports.formats import export
    from tia2.leaderboard.pages.tabs import about
    from tia2.leaderboard.views.model_table import model_table

    ranked = model_table(board, "overall", "toy_best", {}, unfold="mini-strong")
    beside = model_table(board, "overall", "auroc", {}, columns=["toy_best"])
    about_page: dict[str, str] = {}
    original = about.gr.HTML

    def keep(content: str = "", **_: Any) -> Any:
        about_page["html"] = about_page.get("html", "") + content
        return original(content)

    about.gr.HTML = keep
    with about.gr.Blocks():
        about.build(None)
    about.gr.HTML = original
    return {
        "headings": [cell["title"] for cell in beside["head"]],
        "rows": {
            entry["name"]: [figure["text"] for figure in entry["figures"]]
            for row in ranked["rows"]
            for entry in (row, *row["unfolded"])
        },
        "plots": {
            "forest": plots.forest(board, "overall", "toy_best").to_json(),
            "critical": plots.critical_difference(board, "overall", "toy_best").to_json(),
        },
        **{kind: export(board, kind, "overall", "toy_best")[1] for kind in ("csv", "latex", "html")},
        "about": about_page["html"],
    }


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    sys.stdout.write(json.dumps(session(Path(sys.argv[1]))) + "\n")
