"""Missing and damaged images are named and counted; the run stops, or goes on without them, by choice."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tia2
from tia2.cli import main
from tia2.errors import BenchmarkError, ResultError, ScoreTableError
from tia2.scoring import ScoreTable

CUT, TEXT, MISSING = 3, 12, 17


@pytest.fixture
def damaged(rows, make_benchmark):
    bad = copy.deepcopy(rows)
    bad[CUT]["image"]["bytes"] = bad[CUT]["image"]["bytes"][:200]
    bad[TEXT]["image"]["bytes"] = b"<html>not found</html>"
    return make_benchmark(bad)


@pytest.fixture
def partial(rows, make_benchmark):
    return make_benchmark([row | {"image": None} if place == MISSING else row for place, row in enumerate(rows)])


def test_a_run_stops_with_the_names_and_keeps_what_is_done(red, damaged, tmp_path):
    with pytest.raises(BenchmarkError, match=r"image_0_0_3 is damaged .*continue without it by --skip-bad-images"):
        tia2.score(red, damaged, tmp_path / "first", shard_size=10)
    message = r"2 images can't be read \(counting/image_0_0_3, counting/image_2_0_2\): .*Repair them, .*kept"
    with pytest.raises(BenchmarkError, match=message):
        tia2.score(red, damaged, tmp_path / "both", shard_size=20)
    with pytest.raises(BenchmarkError):
        tia2.score(red, damaged, tmp_path / "later", shard_size=3)
    assert [path.name for path in (tmp_path / "later" / "shards").iterdir()] == ["00000.parquet"]


@pytest.mark.parametrize("model", ["function", "clip"])
def test_a_run_goes_on_without_them_by_choice(red, clip, damaged, benchmark_, tmp_path, model):
    reward = {"function": red, "clip": clip}[model]
    table = tia2.score(reward, damaged, tmp_path / "t", shard_size=8, batch_size=4, bad_images="skip")
    whole = tia2.score(reward, benchmark_, shard_size=8, batch_size=4)
    assert table.skipped == ["counting/image_0_0_3", "counting/image_2_0_2"]
    assert table.manifest.skipped_items == 2
    good = [place for place in range(20) if place not in (CUT, TEXT)]
    np.testing.assert_allclose(table.rewards[good], whole.rewards[good], rtol=1e-5, atol=1e-6)
    assert np.isnan(table.rewards[[CUT, TEXT]]).all()
    assert ScoreTable.load(tmp_path / "t").rewards.tobytes() == table.rewards.tobytes()


def test_missing_images_are_skipped_but_not_all_of_them(red, partial, rows, make_benchmark, tmp_path):
    with pytest.raises(BenchmarkError, match=r"1 of 20 items .* have no image, the first is counting/image_3_0_2"):
        tia2.score(red, partial, tmp_path / "t")
    assert tia2.score(red, partial, tmp_path / "t", bad_images="skip").skipped == ["counting/image_3_0_2"]
    none = make_benchmark([row | {"image": None} for row in rows])
    with pytest.raises(BenchmarkError, match="20 of 20 items"):
        tia2.score(red, none, bad_images="skip")


def test_mended_images_are_scored_and_stopping_does_not_accept_gaps(red, damaged, benchmark_, tmp_path):
    folder = tmp_path / "t"
    tia2.score(red, damaged, folder, shard_size=5, bad_images="skip")
    with pytest.raises(BenchmarkError, match="image_0_0_3 is damaged"):
        tia2.score(red, damaged, folder, shard_size=5)
    mended = tia2.score(red, benchmark_, folder, shard_size=5)
    assert mended.skipped == []
    assert mended.rewards.tobytes() == tia2.score(red, benchmark_, shard_size=5).rewards.tobytes()


def test_results_without_some_items_say_so(rows, make_benchmark):
    rng = np.random.default_rng(0)
    judged = [row | {"human_score": float(rng.random()), "votes": None} for row in rows]
    for row in judged:
        row["label"] = row["human_score"] > 0.5
    judged[CUT]["image"] = {"bytes": b"", "path": None}

    def bright(images, texts):
        return [float(np.asarray(image).mean()) for image in images]

    table = tia2.score(bright, make_benchmark(judged), bad_images="skip")
    with pytest.warns(UserWarning, match="1 of 20 items of bright have no reward.*partial.*image_0_0_3"):
        result = tia2.evaluate(table, resamples=50)
    assert (result.benchmark.items, result.benchmark.items_skipped) == (20, 1)
    others = make_benchmark([row for place, row in enumerate(judged) if place != CUT])
    expected = tia2.evaluate(tia2.score(bright, others), resamples=50)
    assert result.overall == expected.overall
    with pytest.raises(ResultError, match="19 of 19 values are NaN"):
        tia2.evaluate(table, calibration=lambda table: table.raw * np.nan)


def test_the_choice_on_the_command_line(damaged, tmp_path, capsys):
    path = tmp_path / "damaged.parquet"
    damaged.dataset.to_parquet(path)
    command = ["score", "--reward", "mini-strong", "--benchmark", str(path), "--out", str(tmp_path / "t")]
    assert main(command) == 1
    assert capsys.readouterr().err.count("error: 2 images can't be read") == 1
    assert main([*command, "--skip-bad-images"]) == 0
    assert "2 of 20 items have no reward" in " ".join(capsys.readouterr().err.split())


def test_other_choices_are_refused(red, benchmark_):
    with pytest.raises(ScoreTableError, match="bad_images is 'ignore'; expected 'stop' or 'skip'"):
        tia2.score(red, benchmark_, bad_images="ignore")
