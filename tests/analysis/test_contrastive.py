"""What is said of contrastive prompts, against loops over images and score tables without them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tia2.analysis import contrastive
from tia2.analysis.entries import panel_of
from tia2.analysis.outscoring import letters
from tia2.calibration import textnorm
from tia2.errors import ResultError

FAST = {"resamples": 300}
TEMPERATURE = 0.5


def _share(labels, own, other, kind):
    chosen = {"aligned": labels, "not_aligned": ~labels, "all": np.ones(len(labels), bool)}[kind]
    wins = [1.0 if b > a else 0.5 if a == b else 0.0 for a, b in zip(own[chosen], other[chosen], strict=True)]
    return np.mean(wins) if wins else np.nan


def _removal(labels, rewards, column):
    if labels.all() or not labels.any():
        return np.nan
    without = np.delete(rewards, column, axis=1)
    return roc_auc_score(labels, textnorm(without, TEMPERATURE)) - roc_auc_score(labels, textnorm(rewards, TEMPERATURE))


def _mean(found):
    known = [one for one in found if not np.isnan(one)]
    return np.mean(known) if known else np.nan


def test_every_figure_is_that_of_a_loop_over_images(tables_of):
    tables = tables_of(texts=5)
    frame = contrastive(tables, **FAST).table
    items = tables[0].items
    assert len(frame) == sum(len(texts) - 1 for texts in items.groupby("prompt_id")["texts"].first())
    for _, row in frame.iterrows():
        places = items.index[(items["prompt_id"] == row["prompt_id"]).to_numpy()]
        labels = items.loc[places, "label"].to_numpy()
        texts = items.loc[places[0], "texts"]
        column = texts.index(row["contrastive_prompt"])
        rewards = [table.rewards[places][:, : len(texts)].astype(float) for table in tables]
        for kind in ("aligned", "not_aligned", "all"):
            expected = [_share(labels, own[:, 0], own[:, column], kind) for own in rewards]
            assert row[kind] == pytest.approx(_mean(expected), nan_ok=True)
        assert row["aligned: two"] == pytest.approx(
            _share(labels, rewards[1][:, 0], rewards[1][:, column], "aligned"), nan_ok=True
        )
        margin = [np.mean(own[:, 0] - own[:, column]) / TEMPERATURE for own in rewards]
        assert row["margin"] == pytest.approx(np.mean(margin))
        removal = [_removal(labels, own, column) for own in rewards]
        assert row["removal"] == pytest.approx(_mean(removal), abs=1e-12, nan_ok=True)
        assert (row["n_aligned"], row["n_not_aligned"]) == (labels.sum(), (~labels).sum())


@pytest.fixture
def marked(toy):
    """Items of 8 prompts whose X holds a paraphrase, a text twice, one with the same rewards, and plain ones."""
    items = toy(prompts=8, items=12, texts=1, subsets=("counting",))
    texts = ["A {} is there.", "no {}", "no {}!", "some {} or other", "a twin of {}", "two {}"]
    items["texts"] = [[text, *(one.format(text.removeprefix("a ")) for one in texts)] for text in items["prompt"]]
    return items


@pytest.fixture
def marked_rewards(marked):
    rng = np.random.default_rng(3)
    rows = []
    for label in marked["label"]:
        row = rng.normal(0, 0.3, 7) - 3.0
        row[0] = label + rng.normal(0, 0.3)
        row[1] = row[0] + rng.normal(0, 0.1)  # the paraphrase is as good as the prompt
        row[4] = row[0] + 0.05 * rng.random()  # this one says something else, and is better for every image
        row[5] = row[6]
        rows.append(row.astype(np.float32))
    return rows


def test_paraphrases_and_duplicates_are_found(marked, marked_rewards, table_of):
    made = contrastive([table_of(marked, marked_rewards)], **FAST)
    kinds = made.table["contrastive_prompt"].str.split().str[0]
    by = dict(iter(made.table.groupby(kinds)))
    assert set(by["A"]["paraphrase"]) == {"text"}
    assert by["A"]["check"].str.startswith("says the same as the prompt").all()
    known = by["some"][by["some"]["n_aligned"] >= 3]
    assert set(known["paraphrase"]) == {"rewards"}
    assert known["aligned"].min() == 1.0
    assert "out-scores the prompt on 100 % of aligned images (1 of 1 models)" in known["check"].iloc[0]
    assert by["no"]["duplicate_of"].str.startswith("no ").sum() == 8
    twins = by["two"]
    assert twins["duplicate_of"].str.startswith("a twin of").all()
    assert set(twins["duplicate_by"]) == {"rewards"}
    assert set(by["a"]["duplicate_of"]) == {""}
    assert (by["a"]["paraphrase"] == "").all()
    # The most suspicious come first.
    assert made.table["paraphrase"].iloc[:8].tolist() == ["text"] * 8
    assert made.table["check"].iloc[-1] == ""
    told = "\n".join(made.findings)
    assert "8 say the same as their prompt" in told
    assert "16 repeat another (1 reward model)" in told
    assert "upper bound" in told


def test_the_effect_is_that_of_a_table_without_them(marked, marked_rewards, table_of):
    table = table_of(marked, marked_rewards)
    made = contrastive([table], **FAST)
    panel = panel_of(table.items, resamples=300)
    kept = [0, 2, 4, 5, 6]  # without the paraphrase and the second "no"
    gain = panel.figure(textnorm(table.rewards[:, kept], TEMPERATURE), "auroc") - panel.figure(
        textnorm(table.rewards, TEMPERATURE), "auroc"
    )
    mean, low, high = panel.interval(gain, "counting")
    assert (
        f"AUROC of TextNorm without the 16 found by their words, no label seen: {mean:+.4f} on counting "
        f"({low:+.4f} to {high:+.4f})." in "\n".join(made.findings)
    )


def test_models_must_agree_that_rewards_are_alike(marked, marked_rewards, table_of):
    other = [row + np.float32(0.5) * (np.arange(7) == 6) for row in marked_rewards]
    made = contrastive([table_of(marked, marked_rewards, "one"), table_of(marked, other, "other")], **FAST)
    assert (made.table["duplicate_by"] == "rewards").sum() == 0


def test_letters():
    assert letters(" A T-shirt, red! ") == letters("a t shirt red")
    assert letters("two cats") != letters("two cat")


def test_a_single_contrastive_prompt_leaves_nothing_to_normalise_by(toy, rewards_of, table_of):
    items = toy(texts=1, subsets=("counting",))
    items["texts"] = [[text, f"no {text}"] for text in items["prompt"]]
    table = table_of(items, rewards_of(items))
    frame = contrastive([table], **FAST).table
    panel = panel_of(table.items)
    full = panel.figure(textnorm(table.rewards, TEMPERATURE), "auroc")
    # Without it TextNorm is 1 everywhere: AUROC 0.5.
    assert frame["removal"].mean() == pytest.approx(np.nanmean(0.5 - full))


def test_overflowing_shares_are_those_of_textnorm(toy, rewards_of, table_of):
    items = toy(subsets=("counting",), texts=5)
    rewards = rewards_of(items, scale=4000.0)
    whole = contrastive([table_of(items, rewards)], **FAST).table
    assert whole["removal"].abs().max() <= 1


def test_without_a_temperature_and_with_controls(toy, rewards_of, table_of):
    items = toy(subsets=("counting",))
    bare = table_of(items, rewards_of(items), "bare", temperature=None)
    look = table_of(items, rewards_of(items, seed=1), "look", kind="control")
    made = contrastive([bare, look], **FAST)
    assert made.table["aligned"].notna().any()
    assert made.table[["margin", "removal"]].isna().all(axis=None)
    assert "No card documents a default temperature" in made.findings[-2]
    assert made.findings[-1] == "Left out, since they score the image alone: look."
    with pytest.raises(ResultError, match="look scores the image alone"):
        contrastive([look])


def test_skipped_items_count_for_none(toy, rewards_of, table_of):
    items = toy()
    skipped = [0, 5]
    one, two = rewards_of(items, seed=1), rewards_of(items, seed=2)
    a = contrastive([table_of(items, one, "one", skip=skipped), table_of(items, two, "two")], **FAST).table
    b = contrastive([table_of(items, one, "one", skip=skipped), table_of(items, two, "two", skip=skipped)], **FAST)
    assert a.equals(b.table)
    assert np.isfinite(a["all"]).all()


def test_what_is_refused(toy, rewards_of, table_of):
    with pytest.raises(ResultError, match="at least 1 score table, got 0"):
        contrastive([])
    items = toy(texts=1)
    with pytest.raises(ResultError, match="No prompt of toys has contrastive prompts"):
        contrastive([table_of(items, rewards_of(items))])


def test_it_is_drawn(tables_of, tmp_path):
    made = contrastive(tables_of(), **FAST)
    assert [panel.title for panel in made.figure.panels] == ["counting", "composition"]
    assert len(made.save(tmp_path)) == 3
    assert set(made.shown) <= set(made.table)
