"""The figures released with the paper, as entries."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tia2.benchmark import SUBSETS
from tia2.benchmark.upstream import sources
from tia2.errors import DownloadError, ResultError, UnknownNameError
from tia2.evaluation import METRICS, Result, compare, separate, summarise
from tia2.evaluation.published import REWARDS, TEXTNORM, published

AUROC = {
    "comprehensive": [0.6710, 0.6825, 0.7610, 0.7471, 0.7733],
    "counting": [0.5952, 0.5647, 0.6572, 0.7305, 0.8071],
    "composition": [0.7167, 0.6128, 0.7735, 0.7848, 0.8435],
}
"""Subset means of CLIP, BLIP-2, ImageReward, PickScore and TextNorm."""


def path_of(subset):
    return f"alignment_scores/alignment_scores_{subset}.json"


@pytest.fixture
def scores(layout):
    """Made-up scores for the tiny layout, in upstream's form."""
    rng = np.random.default_rng(0)
    for subset in SUBSETS:
        content = {
            f"{subset} prompt {number}": {
                "human": 1 / 3,
                **{key: dict.fromkeys(METRICS, float(rng.random())) for key in (*REWARDS, TEXTNORM[subset])},
            }
            for number in range(2)
        }
        for one in content.values():
            one[TEXTNORM[subset]] |= {"scale": 3, "lambda": 0.1}
        layout.write(path_of(subset), content)
    return layout


@pytest.mark.upstream
@pytest.mark.parametrize("subset", SUBSETS)
def test_every_released_figure_comes_out(tia2_dir, subset):
    results = published(subset, tia2_dir, resamples=50)
    released = json.loads((tia2_dir / path_of(subset)).read_text())
    assert [round(result.overall.metrics["auroc"].mean, 4) for result in results] == AUROC[subset]
    for result, key in zip(results, (*REWARDS, TEXTNORM[subset]), strict=True):
        for name in METRICS:
            mean = np.mean([scores[key][name] for scores in released.values()])
            assert result.subsets[subset].metrics[name].mean == pytest.approx(mean, abs=1e-12)
        own = result.per_prompt.dropna(subset=["auroc"]).set_index("prompt")
        assert set(own.index) == set(released)
        assert own["kendall"].to_dict() == {prompt: scores[key]["kendall"] for prompt, scores in released.items()}
        assert result.entry.upper_bound == key.startswith("textnorm")
        assert ("oracle" in result.entry.name) == key.startswith("textnorm")


@pytest.mark.upstream
def test_all_subsets_at_once(tia2_dir):
    results = published("all", tia2_dir, resamples=50)
    assert [len(result.subsets) for result in results] == [3] * 5
    for place, result in enumerate(results):
        means = [AUROC[subset][place] for subset in SUBSETS]
        assert result.overall.metrics["auroc"].mean == pytest.approx(np.mean(means), abs=1e-4)
    assert results[-1].entry.settings["ensemble"] == {"comprehensive": "ur", "counting": "ur", "composition": "mean"}
    assert results[0].overall.prompts_used == 525
    found = compare(results[3], results[2])
    assert found.main.difference == pytest.approx(0.7541 - 0.7306, abs=2e-4)


def test_they_stand_beside_other_results(scores, tmp_path):
    results = published("counting", scores.root, resamples=50)
    assert [result.entry.name for result in results] == [
        "CLIP (as published)",
        "BLIP-2 (as published)",
        "ImageReward (as published)",
        "PickScore (as published)",
        "TextNorm-UR (as published, oracle, upper bound)",
    ]
    for result in results:
        again = Result.load(result.save(tmp_path / "one.json"))
        assert again.model_dump_json() == result.model_dump_json()
        assert (again.overall.tied, again.prompts[0].distinct) == (None, None)
        assert np.isnan(again.overall.metrics["auroc"].pooled)
    frame = summarise(results)
    marked = frame[frame["kind"] == "upper bound"]
    assert marked["entry"].unique().tolist() == ["TextNorm-UR (as published, oracle, upper bound)"]
    assert marked["rank"].isna().all()
    assert len(separate(results[:4])) == 4


def test_they_are_comparable_with_a_table_of_the_same_benchmark(scores):
    from tia2.benchmark import load

    items = load("counting", data_dir=scores.root)
    (first, *_) = published("counting", scores.root)
    assert first.benchmark.fingerprint == items.fingerprint
    assert first.benchmark.votes_fingerprint == items.votes_fingerprint


@pytest.fixture
def server(scores, monkeypatch, tmp_path):
    """Serves the tiny layout as if it were the pinned commit."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(scores.root))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    monkeypatch.setenv("TIA2_BASE_URL", f"http://127.0.0.1:{http.server_port}")
    digest = lambda path: hashlib.sha256((scores.root / path).read_bytes()).hexdigest()  # noqa: E731
    monkeypatch.setattr(sources, "SHA256", {path: digest(path) for path in sources.SHA256})
    monkeypatch.setattr(
        sys.modules["tia2.evaluation.published"], "SHA256", {subset: digest(path_of(subset)) for subset in SUBSETS}
    )
    monkeypatch.setattr(sources, "FIRST_WAIT", 0.01)
    yield scores
    http.shutdown()
    http.server_close()


@pytest.mark.network
def test_only_what_is_needed_is_downloaded_once(server, isolated_caches):
    first = published("counting", resamples=20)
    kept = sorted(path.name for path in isolated_caches.rglob("alignment_scores_*.json"))
    assert kept == ["alignment_scores_counting.json"]
    (server.root / path_of("counting")).unlink()
    again = published("counting", resamples=20)
    assert [one.model_dump_json() for one in again] == [one.model_dump_json() for one in first]


@pytest.mark.network
def test_a_tampered_file_is_not_kept(server, isolated_caches):
    server.write(path_of("counting"), {"other": {}})
    with pytest.raises(DownloadError, match="is not the released file"):
        published("counting", resamples=20)
    assert not list(isolated_caches.rglob("alignment_scores_*.json"))


def change(content, path, value):
    *parents, last = path
    for key in parents:
        content = content[key]
    if value is None:
        del content[last]
    else:
        content[last] = value


BAD = [
    (("counting prompt 0",), None, "expected its 2 prompts whose labels differ, got 1"),
    (("surplus",), {}, "got 3, which are not the same"),
    (("counting prompt 0", "human"), 0.9, "expected human to be 0.33"),
    (("counting prompt 0", "human"), "many", "expected human to be 0.33"),
    (("counting prompt 1", "blip2"), None, "expected a number for auroc of blip2"),
    (("counting prompt 1", "textnorm_ur", "ap10"), None, "expected a number for ap10 of textnorm_ur"),
    (("counting prompt 1", "clip", "kendall"), "0.5", "expected a number for kendall of clip"),
    (("counting prompt 1", "clip", "kendall"), float("nan"), "expected a number for kendall of clip"),
    (("counting prompt 1", "clip"), [0.5], "expected a number for auroc of clip"),
]


@pytest.mark.parametrize(("path", "value", "said"), BAD, ids=range(len(BAD)))
def test_a_malformed_file_is_one_clear_error(scores, path, value, said):
    content = scores.read(path_of("counting"))
    change(content, path, value)
    scores.write(path_of("counting"), content)
    with pytest.raises(ResultError, match=said):
        published("counting", scores.root, resamples=20)


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_what_is_no_json_object(scores, text):
    scores.write(path_of("counting"), text)
    with pytest.raises(ResultError, match="does not hold"):
        published("counting", scores.root, resamples=20)


def test_a_missing_file_in_a_local_copy(scores):
    (scores.root / path_of("counting")).unlink()
    with pytest.raises(ResultError, match="Can't read the published scores"):
        published("counting", scores.root, resamples=20)


def test_the_miniature_has_none():
    with pytest.raises(UnknownNameError, match="Unknown config with published figures 'mini'"):
        published("mini")
