"""Published datasets: downloaded from a pinned commit, checked, read; their figures come out."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import tia2
from tia2.benchmark.published import datasets as published
from tia2.benchmark.published.pins import Pin, Repository
from tia2.benchmark.published.tifa160 import SCORES
from tia2.errors import DownloadError, UnknownNameError
from tia2.evaluation.people.raters import rater_correlations
from tia2.scoring import import_scores

SHARED = Path(__file__).resolve().parents[3] / "shared" / "external"
upstream = [
    pytest.mark.upstream,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs the upstream material beside the checkout"),
]
FOLDERS = {
    "tifa160": "tifa160",
    "genai-bench": "genai_bench",
    "genai-bench-video": "genai_bench",
    "fetv": "fetv",
    "tvge": "tvge",
    "t2iscorescore": "t2iscorescore",
}
FIGURES = [
    ("tifa160-two", "CLIPScore ViT-B-32", "spearman", "pooled", 0.320),
    ("tifa160-two", "TIFA ViLT", "spearman", "pooled", 0.500),
    ("tifa160", "CLIPScore ViT-B-32", "spearman", "pooled", 0.276),
    ("tifa160", "TIFA mPLUG", "spearman", "pooled", 0.608),
    ("tifa160", "CLIPScore ViT-B-32", "auroc", "mean", 0.672),
    ("tifa160", "TIFA mPLUG", "auroc", "mean", 0.728),
    ("fetv", "CLIPScore", "spearman", "pooled", 0.307),
    ("fetv", "CLIPScore-ft", "spearman", "pooled", 0.405),
    ("fetv", "BLIPScore", "spearman", "pooled", 0.463),
    ("fetv", "UMTScore", "spearman", "pooled", 0.458),
    ("fetv", "Otter-VQA", "spearman", "pooled", 0.065),
    ("fetv", "CLIPScore", "auroc", "mean", 0.742),
    ("fetv", "CLIPScore", "auroc", "pooled", 0.636),
    ("fetv", "CLIPScore-ft", "auroc", "mean", 0.722),
    ("fetv", "CLIPScore-ft", "auroc", "pooled", 0.693),
    ("fetv", "BLIPScore", "auroc", "mean", 0.783),
    ("fetv", "BLIPScore", "auroc", "pooled", 0.715),
    ("fetv", "UMTScore", "auroc", "mean", 0.784),
    ("fetv", "UMTScore", "auroc", "pooled", 0.721),
    ("tvge", "CLIPScore", "spearman", "pooled", 0.343),
    ("tvge", "X-CLIP", "spearman", "pooled", 0.257),
    ("tvge", "BLIP-BLEU", "spearman", "pooled", 0.151),
    ("tvge", "T2VScore-A", "spearman", "pooled", 0.477),
    ("tvge", "CLIPScore", "auroc", "mean", 0.695),
    ("tvge", "CLIPScore", "auroc", "pooled", 0.635),
    ("tvge", "X-CLIP", "auroc", "mean", 0.617),
    ("tvge", "X-CLIP", "auroc", "pooled", 0.592),
    ("tvge", "T2VScore-A", "auroc", "mean", 0.666),
    ("tvge", "T2VScore-A", "auroc", "pooled", 0.740),
    ("genai-bench", "VQAScore CLIP-FlanT5", "spearman", "pooled", 0.627),
    ("genai-bench", "VQAScore CLIP-FlanT5", "kendall", "pooled", 0.463),
    ("genai-bench-video", "VQAScore CLIP-FlanT5", "spearman", "pooled", 0.483),
    ("genai-bench-video", "VQAScore LLaVA", "spearman", "pooled", 0.542),
    ("genai-bench-video", "VQAScore CLIP-FlanT5", "auroc", "mean", 0.745),
    ("genai-bench-video", "VQAScore LLaVA", "auroc", "mean", 0.760),
    ("genai-bench-video", "VQAScore CLIP-FlanT5", "auroc", "pooled", 0.757),
    ("genai-bench-video", "VQAScore LLaVA", "auroc", "pooled", 0.802),
    ("t2iscorescore", "clipscore", "spearman", "mean", 0.632),
    ("t2iscorescore", "alignscore", "spearman", "mean", 0.649),
    ("t2iscorescore", "llava_dsg", "spearman", "mean", 0.700),
    ("t2iscorescore", "gpt4v_dsg", "spearman", "mean", 0.713),
]
"""Benchmark, reward model, metric, mean over prompts or pooled, and the figure computed from the files elsewhere."""


@pytest.fixture(scope="module")
def parts():
    """Every benchmark of every dataset, read from the upstream material."""
    read = {}
    for name, folder in FOLDERS.items():
        for part in published.DATASETS[name].read(SHARED / folder):
            read[part.name] = (part, published.benchmark_of(part, published.DATASETS[name]))
    return read


class TestFigures:
    pytestmark = upstream

    @pytest.fixture(scope="class")
    def results(self, parts):
        kept = {}

        def result_of(benchmark: str, model: str):
            if (benchmark, model) not in kept:
                part, loaded = parts[benchmark]
                rewards = next(scores.rewards for scores in part.scores if scores.name == model)
                table = import_scores(loaded, rewards, name=model, allow_missing=True)
                values = tia2.calibrate([table])
                values.items.drop(columns=["ratings"], errors="ignore", inplace=True)  # people take most of the time
                # There, prompts on which a score is constant were left out; elsewhere they count as chance.
                prompts = "defined" if benchmark == "t2iscorescore" else "metric"
                kept[benchmark, model] = tia2.evaluate(values, resamples=20, prompts=prompts)
            return kept[benchmark, model]

        return result_of

    @pytest.mark.filterwarnings("ignore:.*have no reward and are left out")
    @pytest.mark.parametrize(("benchmark", "model", "metric", "kind", "figure"), FIGURES)
    def test_figures_come_out(self, results, benchmark, model, metric, kind, figure):
        result = results(benchmark, model)
        part = result.subsets["generated"] if benchmark == "fetv" else result.overall
        assert getattr(part.metrics[metric], kind) == pytest.approx(figure, abs=0.002)

    @pytest.mark.parametrize(
        ("benchmark", "expected"),
        [("tifa160-two", {0.722}), ("fetv", {0.773, 0.693, 0.691}), ("genai-bench", {0.674, 0.918})],
    )
    def test_raters_agree_as_computed_elsewhere(self, parts, benchmark, expected):
        _, loaded = parts[benchmark]
        correlations = rater_correlations(loaded.items["ratings"].tolist(), loaded.scale)
        rounded = {round(row.spearman, 3) for row in correlations}
        assert all(any(abs(value - figure) < 0.002 for value in rounded) for figure in expected)

    def test_what_is_odd_is_said(self, parts):
        assert "2 typos upstream were taken for gaps: 41 of 00232/DALLE_3, 33 of 00253/DeepFloyd_I_XL_v1." in " ".join(
            parts["genai-bench"][0].notes
        )
        assert "called damo-text2video" in " ".join(parts["fetv"][0].notes)
        sizes = {name: (len(loaded), loaded.items["prompt_id"].nunique()) for name, (_, loaded) in parts.items()}
        assert sizes["tifa160"] == sizes["tifa160-two"] == (800, 160)
        assert sizes["genai-bench"] == (3162, 527)
        assert sizes["fetv"] == (3017, 619 + 541)
        assert sizes["tvge"] == (2543, 512)
        assert sizes["t2iscorescore"] == (2840, 165)
        complete = [None not in row for row in parts["tifa160"][1].items["ratings"]]
        assert sum(complete) == 796
        assert "CC-BY-4.0" in " ".join(parts["fetv"][1].notes)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A dataset of two small files on a server of this machine."""
    content = {
        "datasets/t2vscore_results.csv": b"model_name,video_id,prompt,CLIP Score,X-CLIP Score,BLIP-BLEU,"
        b"T2VScore-A (GPT-4V)\na,0,a cat,1,2,3,4\nb,0,a cat,2,3,4,5\n",
        "datasets/t2vscore_alignment_score.json": b'{"0": {"prompt": "a cat", "models": {"a": [1.5], "b": [4.5]}}}',
    }
    root = tmp_path / "server" / "some" / "where" / ("c" * 40)
    for path, text in content.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text)
    pins = tuple(Pin(path, hashlib.sha256(text).hexdigest()) for path, text in content.items())
    small = published.PublishedDataset(
        "tvge", "two videos", "MIT", (Repository("some/where", "c" * 40, pins),), published.read_tvge
    )
    handler = partial(_Quiet, directory=str(tmp_path / "server"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("TIA2_GITHUB_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(published, "DATASETS", {"tvge": small})
    yield root
    server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Say nothing."""


def test_download_writes_benchmark_and_score_tables(mirror, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = cli("data", "download", "tvge")
    assert said.code == 0, said.err
    assert "runs/tvge/benchmark: 2 items, 4 reward models as published" in said.out
    card = Path("runs/tvge/benchmark/README.md").read_text(encoding="utf-8")
    assert f"From some/where at {'c' * 40}; licence: MIT. The images are absent." in card
    assert sorted(path.name for path in Path("runs/tvge/scores").iterdir()) == [
        "BLIP-BLEU",
        "CLIPScore",
        "T2VScore-A",
        "X-CLIP",
    ]
    table = tia2.ScoreTable.load("runs/tvge/scores/CLIPScore")
    assert table.raw.tolist() == [1, 2]
    assert table.manifest.benchmark.fingerprint == tia2.benchmark.load("runs/tvge/benchmark").fingerprint
    assert "As published in some/where." in table.manifest.reward.card.notes
    shutil.rmtree(mirror)
    assert cli("data", "download", "tvge").code == 0, "what is there isn't fetched again"
    assert cli("data", "download", "tvge", "--images").code == 2
    refused = cli("data", "download", "tvge", "--answers")
    assert refused.code == 2
    assert "--answers: none were published with tvge" in refused.err


def test_published_answers_become_scores(tmp_path):
    """Tiny files in upstream's layout: dependencies, a prompt without answers, one with an unreadable dependency."""
    scores = dict.fromkeys(SCORES, 1.0)
    generators = {"mini-dalle": "mini_dalle", "sd1dot1": "stable_diffusion_v1_1"}
    items = {
        f"coco_{number}_{model}": {
            "text_id": f"coco_{number}",
            "text": f"text {number}",
            "human_scores": [1, 5],
            **scores,
        }
        for number in range(3)
        for model in generators.values()
    }
    (tmp_path / "human_annotations_with_scores.json").write_text(json.dumps(items))
    ratings = [
        f"tifa160,{model},tifa160_{number},coco_{number},1,How?,3" for number in range(3) for model in generators
    ]
    header = "dsg_prompt_split,t2i_model,item_id,source_id,worker_id,question,answer"
    (tmp_path / "tifa160-likert-anns.csv").write_text("\n".join([header, *ratings]))
    columns = "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,"
    questions = [
        "tifa160_0,text 0,cat,1,0,,,,Is there a cat?",
        "tifa160_0,text 0,cat,2,1,,,,Is it red?",
        "tifa160_1,text 1,bus,1,0,,,,Is there a bus?",
        'tifa160_1,text 1,bus,2,"1, outside",,,,Is it outside?',
        "tifa160_2,text 2,sea,1,0,,,,Is it the sea?",
    ]
    (tmp_path / "dsg-1k-anns.csv").write_text("\n".join([columns + "question_natural_language", *questions]))
    answers = [
        "tifa160,dsg,mini-dalle,tifa160_0,Is there a cat?,1,0,no",
        "tifa160,dsg,mini-dalle,tifa160_0,Is it red?,2,1,yes",
        "tifa160,dsg,sd1dot1,tifa160_0,Is there a cat?,1,0,yes",
        "tifa160,dsg,sd1dot1,tifa160_0,Is it red?,2,1,yes",
        "tifa160,dsg,mini-dalle,tifa160_1,Is there a bus?,1,0,no bus",
        'tifa160,dsg,mini-dalle,tifa160_1,Is it outside?,2,"1, outside",yes',
    ]
    header = "dsg_prompt_split,qg_model,t2i_model,item_id,question,question_id,dependency_id,answer"
    (tmp_path / "mplug_dsg.csv").write_text("\n".join([header, *answers]))
    five, _ = published.DATASETS["tifa160"].read(tmp_path)
    dsg = next(entry for entry in five.scores if entry.name == "DSG mPLUG")
    assert dsg.rewards == {
        "coco_0_mini_dalle": 0.0,
        "coco_0_stable_diffusion_v1_1": 1.0,
        "coco_1_mini_dalle": 0.5,
        "coco_1_stable_diffusion_v1_1": 0.0,
        "coco_2_mini_dalle": 0.0,
        "coco_2_stable_diffusion_v1_1": 0.0,
    }
    assert len(five.scores) == len(SCORES) + 1


def test_a_changed_file_is_refused(mirror):
    (mirror / "datasets" / "t2vscore_results.csv").write_bytes(b"other")
    with pytest.raises(DownloadError, match="is not the released file"):
        published.DATASETS["tvge"].fetch()


def test_an_unknown_name_is_said():
    with pytest.raises(UnknownNameError, match="Did you mean 'tvge'"):
        published.published_dataset("tvgee")


def test_pins_are_whole():
    names = set()
    for dataset in published.DATASETS.values():
        for repository in dataset.repositories:
            assert len(repository.commit) == 40
            assert all(len(pin.sha256) == 64 for pin in repository.pins)
            assert len({pin.path for pin in repository.pins}) == len(repository.pins)
        names.add(dataset.name)
    assert names == {*FOLDERS, "mj-bench"}
    assert np.unique([dataset.title for dataset in published.DATASETS.values()]).size == len(names)
