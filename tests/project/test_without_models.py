"""Without PyTorch and transformers: score tables are read, evaluated and compared, and what needs models says so."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tia2.errors import MODEL_PACKAGES

BLOCKED = f"import sys; sys.modules.update(dict.fromkeys({MODEL_PACKAGES!r}))\n"


@pytest.fixture
def without_models(tmp_path):
    """Run code in a process in which importing what runs models fails."""

    def run(code: str, *words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", BLOCKED + code, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    return run


LINES = """
import shlex
from tia2.cli import main
for line in sys.argv[1:]:
    sys.stderr.write(f"{main(shlex.split(line))} {line}\\n")
"""
"""Types lines in one process, and says after each how it ended."""


def test_commands_that_run_models_say_what_to_install(without_models):
    lines = [
        "score --reward mini-strong --out out",
        "quickstart",
        "miniworld sample 'a red circle'",
        "miniworld train mini-strong",
    ]
    done = without_models(LINES, *lines)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    rest = done.stderr
    for line in lines:
        said, ended, rest = rest.partition(f"1 {line}\n")
        assert ended, rest
        assert "pip install 'tia2[rewards]'" in said, line


def test_the_library_says_what_to_install(without_models):
    code = "import tia2\ntry: tia2.load_reward('mini-strong')\nexcept ImportError as error: print(error)"
    done = without_models(code)
    assert done.stdout.startswith("Reward 'mini-strong' needs t"), done.stderr
    assert done.stdout.strip().endswith("Install it with: pip install 'tia2[rewards]'")


def test_score_tables_need_no_models(without_models):
    code = """
import tia2
from importlib.resources import as_file, files
from tia2.calibration import TextNorm
with as_file(files("tia2.leaderboard") / "assets" / "mini-strong") as table:
    raw, calibrated = tia2.evaluate(table, resamples=100), tia2.evaluate(table, calibration=TextNorm(), resamples=100)
print(raw.overall.metrics["auroc"].mean, tia2.compare(raw, calibrated).main.difference)
"""
    done = without_models(code)
    assert done.returncode == 0, done.stderr
    mean, difference = map(float, done.stdout.split())
    np.testing.assert_allclose([mean, difference], [0.816, -0.007], atol=0.005)


def test_a_reward_of_ones_own_needs_no_models(without_models):
    code = "import tia2; print(tia2.load_reward(lambda images, texts: [1.0] * len(texts)).score([], []).shape)"
    assert without_models(code).stdout.strip() == "(0,)"
