"""Contrastive prompts judged by people: paraphrases are named, and TextNorm without them is computed literally."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tia2.calibration import TextNorm
from tia2.errors import ResultError, StudyError
from tia2.people.contrasts.asking import contrast_items
from tia2.people.contrasts.judged import contrast_effects, judged_contrasts
from tia2.people.contrasts.simulated import let_read
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study

TAU = 0.3
PROMPTS = ("two red circles", "three blue squares", "one green circle")
OTHERS = {
    "two red circles": ["2 red circles", "three red circles"],
    "three blue squares": ["3 blue squares", "three red squares"],
    "one green circle": ["1 green circle", "two green circles"],
}


@pytest.fixture(scope="module")
def table():
    """Rewards that see how many images show the prompt, and give paraphrases what they give the prompt, and noise."""
    from datasets import Dataset
    from PIL import Image

    import tia2

    rng = np.random.default_rng(0)
    rows = [
        {
            "item_id": f"a/{number}/{image}",
            "subset": "a",
            "prompt_id": f"a/{number}",
            "prompt": prompt,
            "votes": [int(image % 2), int(image % 2), 1 - int(image % 2)] if image < 2 else [int(image % 2)] * 3,
            "contrastive_prompts": OTHERS[prompt],
            "image": Image.new("RGB", (8, 8), (int(rng.integers(256)), 10 * number + image, image % 2)),
        }
        for number, prompt in enumerate(PROMPTS)
        for image in range(12)
    ]
    texts = {text: kind for prompt in PROMPTS for text, kind in zip([prompt, *OTHERS[prompt]], (0, 1, 2), strict=True)}

    def reward(images, prompts):
        scores = []
        for image, text in zip(images, prompts, strict=True):
            red, green, aligned = image.getpixel((0, 0))
            noise = np.random.default_rng([red, green, texts[text]]).normal()
            scores.append({0: 0.8 * aligned, 1: 0.8 * aligned, 2: 0.3}[texts[text]] + 0.5 * noise)
        return scores

    return tia2.score(reward, Dataset.from_list(rows))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    items = contrast_items(OTHERS, checks=2)
    settings = StudySettings(name="texts", question={"kind": "contrast"}, gold_share=0.2)
    study = Study.create(tmp_path_factory.mktemp("texts") / "study", settings, items, durable=False)
    assert let_read(study, ("Ann", "Bo", "Cy"), error=0.0) >= 18
    yield judged_contrasts(study)
    study.close()


def test_paraphrases_are_named(judged):
    frame = judged.frame
    assert set(frame[frame["paraphrase"]]["contrastive_prompt"]) == {
        "2 red circles",
        "3 blue squares",
        "1 green circle",
    }
    assert judged.paraphrases.mean == 0.5
    assert judged.alpha == {"different": 1.0, "failure": 1.0}
    assert (frame["votes"] == 3).all()
    assert judged.unasked == 0


def test_readers_who_err_make_votes_that_differ(tmp_path):
    study = Study.create(
        tmp_path / "study", StudySettings(name="x", question={"kind": "contrast"}, gold_share=0), contrast_items(OTHERS)
    )
    let_read(study, ("Ann", "Bo", "Cy"), error=0.3, seed=4)
    judged = judged_contrasts(study)
    study.close()
    assert 0 < judged.alpha["different"] < 1
    assert judged.paraphrases.low < 0.5 < judged.paraphrases.high


def test_what_rewards_do_with_paraphrases_is_counted_literally(judged, table):
    (effect,) = contrast_effects(judged, [table], textnorm=TextNorm(temperature=TAU), resamples=200)
    aligned = table.items["label"].to_numpy(bool)
    rewards = table.rewards.astype(float)
    columns = {prompt: [list(texts).index(text) for text in OTHERS[prompt]]
               for prompt, texts in zip(table.items["prompt"], table.items["texts"], strict=True)}  # fmt: skip
    high = {0: [], 1: []}
    for row in np.flatnonzero(aligned):
        for kind, column in enumerate(columns[table.items["prompt"][row]]):
            high[kind].append(rewards[row, column] > rewards[row, 0])
    assert effect.high == pytest.approx(np.mean(high[0]))
    assert effect.high_others == pytest.approx(np.mean(high[1]))
    assert effect.high > effect.high_others


def test_textnorm_without_paraphrases_is_textnorm_over_the_rest(judged, table):
    (effect,) = contrast_effects(judged, [table], textnorm=TextNorm(temperature=TAU), resamples=200)
    labels, prompts = table.items["label"].to_numpy(bool), table.items["prompt"].to_numpy()
    figures = []
    for kept in (None, "2"):
        areas = []
        for prompt in PROMPTS:
            rows = np.flatnonzero(prompts == prompt)
            texts = list(table.items["texts"][rows[0]])
            columns = [n for n, text in enumerate(texts) if kept is None or n == 0 or text == OTHERS[prompt][1]]
            weights = np.exp(table.rewards[np.ix_(rows, columns)].astype(float) / TAU)
            areas.append(roc_auc_score(labels[rows], weights[:, 0] / weights.sum(axis=1)))
        figures.append(np.mean(areas))
    assert effect.with_all == pytest.approx(figures[0])
    assert effect.without == pytest.approx(figures[1])
    assert effect.gain.mean == pytest.approx(figures[1] - figures[0])


def test_strange_studies_and_tables_are_refused(judged, table, tmp_path, pictures):
    from tia2.people.store.items import NewItem

    other = Study.create(tmp_path / "other", StudySettings(name="b"), [NewItem("x", "a cat", [pictures[0]])])
    with pytest.raises(StudyError, match="not about contrastive prompts"):
        judged_contrasts(other)
    other.close()
    for contrasts, count in ((OTHERS, 7), ({}, None), ({"a cat": []}, None)):
        with pytest.raises(StudyError, match="there are no more"):
            contrast_items(contrasts, count)
    frame = judged.frame.assign(prompt="elsewhere")
    from dataclasses import replace

    with pytest.raises(ResultError, match="holds none of the contrastive prompts"):
        contrast_effects(replace(judged, frame=frame), [table], textnorm=TextNorm(temperature=TAU), resamples=10)


def test_the_command_asks_and_sums_up(table, tmp_path, cli):
    table.save(tmp_path / "table")
    said = cli("people", "contrasts", tmp_path / "study", "--of", tmp_path / "table", "--count", "4")
    assert "4 contrastive prompts of 3 prompts." in said.out
    failed = cli("people", "contrasts", tmp_path / "study")
    assert "nobody has voted yet" in failed.err
    study = Study(tmp_path / "study", durable=False)
    let_read(study, ("Ann", "Bo", "Cy"), error=0.0)
    study.close()
    said = cli("people", "contrasts", tmp_path / "study", tmp_path / "table", "--temperature", TAU)
    assert "are paraphrases to most people" in " ".join(said.out.split())
    words = (tmp_path / "study", tmp_path / "table", "--temperature", TAU, "--json")
    content = json.loads(cli("people", "contrasts", *words).out)
    assert len(content["contrastive_prompts"]) == 4
    assert set(content["rewards"][0]["gain"]) == {"mean", "low", "high"}
    failed = cli("people", "contrasts", tmp_path / "x", tmp_path / "table", "--of", tmp_path / "table")
    assert failed.code != 0
