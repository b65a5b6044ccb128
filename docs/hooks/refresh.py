"""Run the quickstart and put its pictures and its table into the documentation. Run by `make pictures`."""

from __future__ import annotations

import io
import re
import shutil
import sys
from pathlib import Path

from rich.console import Console

from tia2.commands.ranking import ranking
from tia2.quickstart import run

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
TABLE = re.compile(r"(<!-- quickstart table -->\n).*?(<!-- end of table -->)", re.S)


def main() -> None:
    """Refresh `docs/images` and the table in the README."""
    outcome = run(ROOT / "runs" / "quickstart")
    for name in ("forest", "contact_sheet"):
        shutil.copyfile(outcome.files[f"{name}.png"], ROOT / "docs" / "images" / f"quickstart_{name}.png")
    page = Console(file=io.StringIO(), width=80)
    page.print(ranking(outcome.summary, "auroc", outcome.groups))
    lines = page.file.getvalue().splitlines()  # type: ignore[attr-defined]
    table = "\n".join(f"    {line}".rstrip() for line in lines)
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text), encoding="utf-8")
    sys.stdout.write(f"{table}\n")


if __name__ == "__main__":
    main()
