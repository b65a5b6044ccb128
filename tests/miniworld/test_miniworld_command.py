from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from tia2.commands.miniworld import app
from tia2.errors import BenchmarkError
from tia2.miniworld.grammar import parse
from tia2.miniworld.renderer import render
from tia2.miniworld.scenes import sample_scene

run = CliRunner().invoke


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    import numpy as np

    path = tmp_path / "picture.png"
    Image.fromarray(render(sample_scene(parse("two red circles"), np.random.default_rng(0)))).save(path)
    return path


def test_judge_accepts_and_gives_reasons(picture: Path) -> None:
    assert run(app, ["judge", str(picture), "two red circles"]).output.startswith("accepted (score 1.00")
    refused = run(app, ["judge", str(picture), "three red circles"]).output
    assert refused.startswith("rejected")
    assert "count: expected three red circles, saw 2" in refused


def test_judge_names_what_is_wrong_with_its_input(tmp_path: Path, picture: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:60])
    for path, message in [
        (tmp_path / "no.png", "found none at"),
        (tmp_path, "found none at"),
        (broken, "can't be read"),
    ]:
        outcome = run(app, ["judge", str(path), "two red circles"])
        assert isinstance(outcome.exception, BenchmarkError)
        assert message in str(outcome.exception)


def test_sample_writes_a_sheet(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    out = tmp_path / "deep" / "sheet.png"
    done = run(app, ["sample", "a red circle", "two blue squares", "--count", "2", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "two blue squares: the judge accepts" in done.output
    with Image.open(out) as sheet:
        assert sheet.width > 2 * 128
        assert sheet.height > 2 * 128
