"""Install the lowest versions that setup.cfg allows in a fresh environment, and run the quick tests there.

Run by `make floors`. It downloads everything that tia2 needs in old versions, so it isn't among the tests that pytest
collects. Floors are of direct dependencies; what these need in turn is what pip chooses.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests/project/test_without_models.py", "tests/evaluation", "tests/prompts", "tests/cli", "tests/benchmark")
TOOLS = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "scikit-learn")
"""What runs the tests, at any version."""


def floors(extras: list[str]) -> list[str]:
    """Return the lowest version of each direct dependency that setup.cfg allows, as NAME==VERSION."""
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = parser["options"]["install_requires"].split()
    for extra in extras:
        lines += parser["options.extras_require"][extra].split()
    pinned = {}
    for line in lines:
        match = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?>=([\d.]+)(?:,<.*)?", line)
        if match:
            pinned[match[1].lower()] = match[2]
    return [f"{name}=={version}" for name, version in sorted(pinned.items())]


def run(*command: object, cwd: Path) -> int:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run([str(part) for part in command], cwd=cwd, env=environment, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", action="append", default=[], help="An extra whose floors are installed, too.")
    parser.add_argument("tests", nargs="*", default=TESTS, help="Tests to run.")
    arguments = parser.parse_args()
    pins = floors(arguments.extra)
    sys.stdout.write("\n".join(pins) + "\n")
    with tempfile.TemporaryDirectory(prefix="tia2-floors-") as name:
        environment = Path(name) / "fresh"
        venv.create(environment, with_pip=True)
        python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        extras = f"[{','.join(arguments.extra)}]" if arguments.extra else ""
        if run(*install, *pins, *TOOLS, "setuptools>=77", cwd=ROOT):
            return 1
        if run(*install, "--no-build-isolation", "-e", f".{extras}", cwd=ROOT):
            return 1
        return run(python, "-m", "pytest", "-q", "-m", "not slow", *arguments.tests, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
