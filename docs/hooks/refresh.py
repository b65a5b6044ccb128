"""Run the quickstart and the analyses, and put their pictures and tables into the documentation: `make pictures`."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from blocks import put
from rich.console import Console

from tia2.analysis import calibration, contrastive, errors, power, prompt_set, temperature
from tia2.commands.ranking import ranking
from tia2.quickstart import REWARDS, run
from tia2.scoring import ScoreTable

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
FINE_TUNING = {
    "curves": "Proxy and gold against the distance from the base model, and gold against the proxy",
    "samples": "The same seeds at the base model, at the peak and at the end, framed by the judge's verdict",
    "statistics": "Five image statistics with the bands of the base model",
    "frontier": "Checkpoints along the run, and one adapter at several scales",
}
"""Pictures of a fine-tuning run, and what they show."""
CHOICES = {"raw": "raw", "fixed": "documented τ", "cv": "cross-validated", "oracle": "*oracle, an upper bound*"}


def main() -> None:
    """Refresh `docs/images`, tables of README and findings-calibration.md, and embedded results."""
    outcome = run(ROOT / "runs" / "quickstart")
    for name in ("forest", "contact_sheet"):
        shutil.copyfile(outcome.files[f"{name}.png"], IMAGES / f"quickstart_{name}.png")
    page = Console(file=io.StringIO(), width=80)
    page.print(ranking(outcome.summary, "auroc", outcome.groups))
    lines = page.file.getvalue().splitlines()  # type: ignore[attr-defined]
    table = "\n".join(f"    {line}".rstrip() for line in lines)
    put(ROOT / "README.md", "quickstart table", table)

    for name in REWARDS:
        shutil.copytree(outcome.files["scores"] / name, ROOT / "leaderboard" / "assets" / name, dirs_exist_ok=True)
    tables = [ScoreTable.load(outcome.files["scores"] / name) for name in REWARDS]
    first = calibration(tables)
    put(
        ROOT / "docs" / "findings-calibration.md",
        "calibration tables",
        calibration_tables(first.table.to_dict("records")),
    )
    for analysis in (
        first,
        temperature(tables),
        prompt_set(tables),
        errors(tables),
        contrastive(tables),
        power(tables),
    ):
        (picture,) = analysis.save(ROOT / "runs" / "analysis", formats=["png"])
        shutil.copyfile(picture, IMAGES / f"analysis_{picture.name}")
    best_of_n_page()
    fine_tuning()
    sys.stdout.write(f"{table}\n")


def best_of_n_page() -> None:
    """Put what the command prints of a reward that over-optimises, and its figure, into its page."""
    done = subprocess.run(
        [sys.executable, "-m", "tia2", "finetune", "best-of-n", ROOT / "leaderboard" / "assets" / "mini-countblind",
         "--calibration", "raw", "--calibration", "textnorm", "--out", ROOT / "runs" / "best-of-n"],
        env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    text = "\n".join(f"    {line}".rstrip() for line in done.stdout.strip().splitlines())
    put(ROOT / "docs" / "finetune-best-of-n.md", "best-of-n output", text)
    shutil.copyfile(ROOT / "runs" / "best-of-n" / "best_of_n.png", IMAGES / "best_of_n.png")


def fine_tuning() -> None:
    """Fine-tune as `make finetune` does, and put the report's verdict and pictures where readers meet them."""
    from tia2.finetune.report.records import load_report

    folder = ROOT / "runs" / "mini-ddpo"
    # A run that is finished is only reported again.
    for words in (["run", "mini-ddpo", "--out", folder], ["sweep", folder]):
        subprocess.run([sys.executable, "-m", "tia2", "finetune", *words], cwd=ROOT, stdout=sys.stderr, check=True)
    verdict = "\n".join(textwrap.wrap(f"> {load_report(folder / 'report.json').verdict}", 118, subsequent_indent="> "))
    page = ROOT / "docs" / "finetune-report.md"
    put(page, "fine-tuning verdict", f"Of the run that `make finetune` makes:\n\n{verdict}")
    for name, words in FINE_TUNING.items():
        shutil.copyfile(folder / f"{name}.png", IMAGES / f"finetune_{name}.png")
        put(page, f"fine-tuning {name}", f"![{words}](images/finetune_{name}.png)")
    shown = [f"![{FINE_TUNING[name]}](docs/images/finetune_{name}.png)" for name in ("curves", "samples")]
    put(ROOT / "README.md", "fine-tuning", "\n\n".join([verdict, *shown]))


def calibration_tables(rows: list[dict[str, Any]]) -> str:
    """Return one Markdown table per subset."""
    subsets = list(dict.fromkeys(row["subset"] for row in rows))
    parts = []
    for subset in [subsets[-1], *subsets[:-1]]:
        lines = [
            f"**{subset}**",
            "",
            "| | | within prompts | - raw | pooled | - raw |",
            "|---|---|---|---|---|---|",
        ]
        shown = None
        for row in rows:
            if row["subset"] != subset:
                continue
            entry = f"`{row['entry']}`" if row["entry"].startswith("mini") else row["entry"]
            cells = [
                "" if row["entry"] == shown else entry,
                CHOICES[row["choice"]],
                value(row, "mean", ""),
                value(row, "difference", "difference_", sign="+"),
                value(row, "pooled", "pooled_"),
                value(row, "pooled_difference", "pooled_difference_", sign="+"),
            ]
            lines.append(f"| {' | '.join(cells)} |")
            shown = row["entry"]
        parts.append("\n".join(lines))
    optimism = ["**Optimism of the oracle, overall**", "", "| | within prompts | pooled |", "|---|---|---|"]
    for row in rows:
        if row["choice"] == "oracle" and row["subset"] == subsets[-1]:
            within, pooled = (value(row, name, f"{name}_", sign="+") for name in ("optimism", "pooled_optimism"))
            optimism.append(f"| {row['entry']} | {within} | {pooled} |")
    return "\n\n".join([*parts, "\n".join(optimism)])


def value(row: dict[str, Any], name: str, prefix: str, sign: str = "") -> str:
    """Return a figure with its interval, empty where there is none."""
    figure, low, high = row[name], row[f"{prefix}low"], row[f"{prefix}high"]
    return "" if figure != figure else f"{figure:{sign}.3f} ({low:{sign}.3f}, {high:{sign}.3f})"


if __name__ == "__main__":
    main()
