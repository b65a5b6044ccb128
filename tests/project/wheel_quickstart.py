"""Build the wheel, install it in a fresh environment outside the checkout, and run the quickstart from there.

Run by `make wheel-test`. It downloads everything that tia2 needs, so it isn't among the tests that pytest collects.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = (
    "contact_sheet.png",
    "forest.png",
    "results/mini-strong.json",
    "scores/mini-vivid/manifest.json",
    "summary.csv",
)


def run(*command: object, cwd: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    began = time.monotonic()
    subprocess.run([str(part) for part in command], cwd=cwd, env=environment, check=True)
    return time.monotonic() - began


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tia2-wheel-") as name:
        work = Path(name)
        run(sys.executable, "-m", "build", "--outdir", work / "dist", ROOT, cwd=work)
        (wheel,) = (work / "dist").glob("*.whl")
        environment = work / "fresh"
        venv.create(environment, with_pip=True)
        scripts = environment / ("Scripts" if os.name == "nt" else "bin")
        install = (scripts / "python", "-m", "pip", "install", "--disable-pip-version-check")
        set_up = run(*install, f"{wheel}[rewards]", cwd=work)
        job = run(scripts / "tia2", "quickstart", cwd=work)
        missing = [file for file in EXPECTED if not (work / "runs" / "quickstart" / file).is_file()]
        if missing:
            sys.exit(f"The quickstart did not write {', '.join(missing)}.")
        size = wheel.stat().st_size / 1e6
        sys.stdout.write(f"\n{wheel.name} ({size:.1f} MB): set up in {set_up:.0f} s, quickstart in {job:.0f} s.\n")


if __name__ == "__main__":
    main()
