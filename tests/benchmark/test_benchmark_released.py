"""The released annotations: counts, the rule for labels, times, and every figure of the data card."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest
from datasets import load_dataset

import tia2  # noqa: F401  installs the hook
from tia2.benchmark import check, load, prompt_set, summarise
from tia2.benchmark.builder import CITATION
from tia2.benchmark.upstream import sources

pytestmark = pytest.mark.upstream
ITEMS = {"comprehensive": 5_000, "counting": 7_500, "composition": 15_000}
PROMPTS = {"comprehensive": 100, "counting": 150, "composition": 300}
RELEASED = {"comprehensive": 84, "counting": 146, "composition": 295}


@pytest.fixture(scope="module")
def items(tia2_dir, tmp_path_factory):
    import datasets

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("hf"))
        return load("all", data_dir=tia2_dir).items


@pytest.fixture(scope="module")
def card(items):
    from pathlib import Path

    return (Path(__file__).resolve().parents[2] / "data_cards" / "tia2.md").read_text(encoding="utf-8")


def released(tia2_dir, folder, subset):
    stem = {"alignment_scores": "alignment_scores", "prompts": "prompt_set", "human_annotations": "human_labels"}[
        folder
    ]
    return json.loads((tia2_dir / folder / f"{stem}_{subset}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("config", ["all", *ITEMS])
def test_sizes_and_times(tia2_dir, config):
    # Time of this process, which does all the work: other processes on the machine don't count against it.
    start = time.process_time()
    rows = load_dataset("tia2", config, data_dir=str(tia2_dir), split="test")
    cold = time.process_time() - start
    start = time.process_time()
    load_dataset("tia2", config, data_dir=str(tia2_dir), split="test")
    cached = time.process_time() - start
    assert len(rows) == (27_500 if config == "all" else ITEMS[config])
    assert cold < 15
    assert cached < 1


def test_every_subset_is_whole(items):
    by_subset = items.groupby("subset", sort=False)
    assert by_subset.size().to_dict() == ITEMS
    assert by_subset["prompt_id"].nunique().to_dict() == PROMPTS
    assert set(items.groupby("prompt_id").size()) == {50}
    assert items["item_id"].is_unique
    assert {len(votes) for votes in items["votes"]} == {3}


@pytest.mark.parametrize("subset", ITEMS)
def test_rates_equal_the_released_ones_and_the_prompts_left_out_are_the_constant_ones(items, tia2_dir, subset):
    scores = released(tia2_dir, "alignment_scores", subset)
    labels = items[items["subset"] == subset].groupby("prompt")["label"]
    rates = labels.mean()
    assert len(scores) == RELEASED[subset]
    np.testing.assert_allclose(
        [rates[prompt] for prompt in scores], [one["human"] for one in scores.values()], atol=1e-12
    )
    constant = {prompt for prompt, kinds in labels.nunique().items() if kinds == 1}
    assert constant == set(rates.index) - set(scores)


@pytest.mark.parametrize("subset", ITEMS)
def test_rows_agree_with_the_files(items, tia2_dir, subset):
    votes = released(tia2_dir, "human_annotations", subset)
    prompts = released(tia2_dir, "prompts", subset)
    rows = items[items["subset"] == subset]
    assert len(rows) == len(votes)
    for row in rows.itertuples():
        record = votes[row.item_id.split("/")[1] + ".jpg"]
        assert (row.prompt, row.votes) == (record["caption"], record["human_labels"])
        assert row.contrastive_prompts == prompts[row.prompt]
        assert row.prompt_id == f"{subset}/{row.item_id.split('_')[1]}"
        assert row.label == (row.votes.count(1) >= 2)


def test_local_copy_is_the_pinned_release(tia2_dir):
    for path, sha256 in sources.SHA256.items():
        assert sources.sha256_of(tia2_dir / path) == sha256
    assert sorted(sources.SHA256) == sorted(sources.annotation_files())
    results = check("counting", data_dir=tia2_dir)
    assert [result.released for result in results] == [True]
    assert len(results[0].missing) == 7_500


def test_images_for_every_item(items, tia2_dir, tmp_path, make_jpeg):
    for folder in ("human_annotations", "prompts"):
        (tmp_path / "copy").mkdir(exist_ok=True)
        (tmp_path / "copy" / folder).symlink_to(tia2_dir / folder)
    images = tmp_path / "copy" / "images" / "comprehensive"
    images.mkdir(parents=True)
    names = [item.split("/")[1] for item in items["item_id"] if item.startswith("comprehensive/")]
    for number, name in enumerate(names):
        (images / f"{name}.jpg").write_bytes(make_jpeg(number, (8, 8)))
    benchmark = load("comprehensive", data_dir=tmp_path / "copy")
    assert benchmark.has_images
    assert benchmark.image_bytes(4_999) == make_jpeg(4_999, (8, 8))
    start = time.process_time()
    load("comprehensive", data_dir=tmp_path / "copy")
    assert time.process_time() - start < 2
    (result,) = check("comprehensive", data_dir=tmp_path / "copy")
    assert (result.sound, result.problems) == (5_000, 0)


def in_card(card, subset):
    (line,) = [line for line in card.splitlines() if line.startswith(f"| {subset} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_card_table(items, card, tia2_dir):
    benchmark = load("all", data_dir=tia2_dir)
    for one in summarise(benchmark):
        rows = items[items["subset"] == one.subset]
        unanimous = np.mean([len(set(votes)) == 1 for votes in rows["votes"]])
        sizes = {len(texts) for texts in rows["contrastive_prompts"]}
        assert in_card(card, one.subset) == [
            one.subset,
            str(one.prompts),
            f"{one.items:,}",
            "–".join(map(str, sorted({min(sizes), max(sizes)}))),
            f"{unanimous * 100:.1f} %",
            f"{one.unsure_items:,}",
            f"{one.human_rate * 100:.1f} %",
        ]
    total = in_card(card, "all")
    assert (total[1], total[2], total[5]) == ("550", "27,500", "2,050")
    assert total[6] == f"{items['label'].mean() * 100:.1f} %"
    left_out = ", ".join(f"{subset} {PROMPTS[subset] - RELEASED[subset]}" for subset in ITEMS)
    assert f"leave out 25 prompts ({left_out})" in " ".join(card.split())


def test_card_oddities(items, card, tia2_dir):
    text = " ".join(card.split())
    prompts = items.drop_duplicates("prompt_id")
    own = prompts[[row.prompt in row.contrastive_prompts for row in prompts.itertuples()]]
    assert own["subset"].tolist() == ["comprehensive"]
    assert f'One comprehensive prompt, "{own["prompt"].iloc[0]}", is in its own set' in text
    surplus = {
        row.prompt_id: len(row.contrastive_prompts) - len(set(row.contrastive_prompts)) for row in prompts.itertuples()
    }
    twice = {prompt: count for prompt, count in surplus.items() if count}
    assert {prompt.split("/")[0] for prompt in twice} == {"composition"}
    counts = f"{len(twice)} composition prompts have duplicates among their contrastive prompts, {sum(twice.values())}"
    assert f"{counts} in all" in text
    row = own.iloc[0]
    assert len(prompt_set(row["prompt"], row["contrastive_prompts"])) == len(row["contrastive_prompts"])

    composition = items[items["subset"] == "composition"]["votes"]
    ascending = sum(votes == sorted(votes) for votes in composition)
    assert f"{ascending:,} of 15,000 items list them in ascending order" in text
    for subset, count in (("comprehensive", 133), ("composition", 1_917), ("counting", 0)):
        unsure = [votes.count(-1) for votes in items[items["subset"] == subset]["votes"]]
        assert sum(map(bool, unsure)) == count
        assert max(unsure) <= 1
    assert "on 133 comprehensive and 1,917 composition items, never more than one" in text
    for subset in ITEMS:
        votes, order = released(tia2_dir, "human_annotations", subset), released(tia2_dir, "prompts", subset)
        same = list(dict.fromkeys(record["caption"] for record in votes.values())) == list(order)
        assert same == (subset != "comprehensive")


def test_card_source_size_and_citation(card, tia2_dir):
    assert sources.COMMIT in card
    assert sources.IMAGES_URL in card
    assert CITATION in card
    assert "arXiv 2404.01863" in card
    assert "Apache-2.0" in card
    assert "Apache License" in (tia2_dir / "LICENSE").read_text(encoding="utf-8")
    size = sum((tia2_dir / path).stat().st_size for path in sources.SHA256) / 1e6
    (stated,) = re.findall(r"([\d.]+) MB in all", card)
    assert float(stated) == round(size, 1)
