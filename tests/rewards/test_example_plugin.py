"""The example plugin: passes the suite, agrees with people a little, and works as an installed package."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from tia2.rewards import conformance

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "reward_plugin"
LINES = """
import contextlib, io, json, sys
from tia2.cli import main
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = main(words)
    if code:
        sys.exit(code)
    print(json.dumps(out.getvalue()))
"""
"""Types several lines after `tia2` in one process, as starting one takes longer than most of what they do."""

SPEC = f"{EXAMPLE / 'src' / 'colour_reward' / '__init__.py'}:ColourReward"


def test_it_passes_without_a_warning():
    report = conformance.check(SPEC)
    report.raise_for_failures()
    assert [warning for result in report.results for warning in result.warnings] == []
    assert report["card"].found == "complete"


def test_readme_names_files_and_commands_that_exist():
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    for name in ("pyproject.toml", "src/colour_reward/__init__.py", "tests/test_conformance.py"):
        assert f"`{name}`" in readme
        assert (EXAMPLE / name).is_file()
    assert "YOUR MODEL" in (EXAMPLE / "src/colour_reward/__init__.py").read_text(encoding="utf-8")
    assert 'tia2.rewards"]\ncolour = ' in (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The Python of a fresh environment with the example installed; what it depends on comes from this one."""
    folder = tmp_path_factory.mktemp("newcomer")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    places = dict.fromkeys([sysconfig.get_path("purelib"), *site.getsitepackages()])
    lines = [f"import site; site.addsitedir({place!r})" for place in places]
    own = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
    )
    (Path(own.stdout.strip()) / "zz_dependencies.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    package = shutil.copytree(
        EXAMPLE, folder / "plugin", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    )
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", package, cwd=folder)
    return python


def run(python: Path, *words: object, cwd: Path) -> str:
    environment = {**os.environ, "COLUMNS": "80", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [str(python), *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=800
    )
    if done.returncode:
        pytest.fail(f"{words} exited {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def typed(python: Path, *lines: tuple[str, ...], cwd: Path) -> list[str]:
    return [json.loads(line) for line in run(python, "-c", LINES, json.dumps(lines), cwd=cwd).splitlines()]


@pytest.mark.slow
def test_it_installs_into_a_fresh_environment(installed, tmp_path):
    where = run(installed, "-c", "import colour_reward; print(colour_reward.__file__)", cwd=tmp_path)
    assert str(installed.parents[1]) in where
    (listed,) = typed(installed, ("rewards", "list", "--json"), cwd=tmp_path)
    row = next(row for row in json.loads(listed) if row["spec"] == "colour")
    assert row["source"] == "package colour-reward"
    assert row["summary"].startswith("Cosine between the colours")


@pytest.mark.slow
def test_the_installed_package_passes_check_score_and_evaluate(installed, tmp_path):
    checked, _, evaluated = typed(
        installed,
        ("rewards", "check", "colour"),
        ("score", "--reward", "colour", "--benchmark", "mini", "--out", "runs/colour"),
        ("evaluate", "runs/colour", "--json"),
        cwd=tmp_path,
    )
    assert f"colour: {len(conformance.CHECKS)} passed." in checked
    (result,) = json.loads(evaluated)
    # Which also says that it knows colours.
    assert result["overall"]["metrics"]["auroc"]["low"] > 0.5


@pytest.mark.slow
def test_its_own_tests_pass(installed, tmp_path):
    tests = shutil.copytree(EXAMPLE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    assert "2 passed" in run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, cwd=tmp_path)
