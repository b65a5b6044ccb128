"""Validated runs as the board shows them: columns, matrix, images, words; and best of n without training."""

import base64
import io
import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tia2.calibration import calibration_of
from tia2.finetune import best_of_n_curves
from tia2.leaderboard.data.board_runs import BoardRun, validated_figures
from tia2.leaderboard.exports import to_csv, to_json
from tia2.leaderboard.finetuned.best_of_n import best_of_n_arrays, best_of_n_part
from tia2.leaderboard.plots import best_of_n, best_of_n_words, run_curve, run_curve_words
from tia2.leaderboard.views.best_of_n import (
    best_of_n_sheet,
    best_possible,
    entries_beside,
    entries_with_curves,
    gold_gained,
    usual_entries,
)
from tia2.leaderboard.views.board_table import VALIDATED, column_titles, sort_titles, usual_columns
from tia2.leaderboard.views.model_table import model_entries, model_table
from tia2.leaderboard.views.runs import (
    alarm_rows,
    alarm_words,
    cross_rewards,
    prompt_samples,
    run_facts,
    runs_in_order,
)


class TestValidated:
    pytestmark = pytest.mark.slow

    def test_exports_have_what_the_board_shows(self, validated_board):
        frame = pd.read_csv(io.StringIO(to_csv(validated_board, "overall", "auroc"))).set_index("id")
        content = {entry["id"]: entry["validated"] for entry in json.loads(to_json(validated_board))["entries"]}
        for entry in validated_board.entries:
            figures = validated_board.validated.get(entry.id)
            if figures is None:
                assert content[entry.id] is None
                assert frame.loc[entry.id, "validated_gain":"validated_runs"].isna().all()
                continue
            peak = next(run.report.peaks[0] for run in validated_board.runs if run.entry == entry.id)
            assert content[entry.id] == {"gain": peak.gain, "kl": peak.peak_kl, "drop": peak.drop, "runs": 1}
            row = frame.loc[entry.id, "validated_gain":"validated_runs"].astype(float)
            assert row.tolist() == pytest.approx([peak.gain, peak.peak_kl, peak.drop, 1])

    def test_the_boards_columns_are_the_reports_peaks(self, validated_board, cells):
        columns = usual_columns(validated_board)
        assert set(VALIDATED) <= set(columns)
        peaks = {run.entry: run.report.peaks[0] for run in validated_board.runs}
        assert set(peaks) == {"mini-strong", "mini-vivid~textnorm"}
        rows = cells(validated_board, "overall", "auroc", columns=columns)
        assert len(rows) == len(validated_board)
        for name, texts in rows.items():
            shown = [texts[title] for title in VALIDATED.values()]
            if name in peaks:
                peak = peaks[name]
                assert shown == [f"{peak.gain:+.3f}", f"{peak.peak_kl:.1f} nats", f"{peak.drop:+.3f}"]
            else:
                assert shown == ["—"] * 3

    @pytest.mark.parametrize("column", VALIDATED)
    def test_they_sort_the_table_and_what_nobody_validated_comes_last(self, validated_board, column):
        assert column in sort_titles(validated_board)
        what = {"validated_gain": "gain", "validated_kl": "peak_kl", "validated_drop": "drop"}[column]
        peaks = {run.entry.split("~")[0]: getattr(run.report.peaks[0], what) for run in validated_board.runs}
        assert len(peaks) == 2
        table = model_table(validated_board, "overall", "auroc", {}, sort=column, columns=[column])
        numbers = [peaks.get(row["model"]) for row in table["rows"]]
        assert numbers[:2] == sorted(peaks.values(), reverse=column != "validated_drop")
        assert set(numbers[2:]) == {None}
        for row, number in zip(table["rows"], numbers, strict=True):
            texts = {entry["rest"][0] for entry in (row, *row["unfolded"])}
            assert len(texts - {"—"}) == (number is not None), "rows are unfolded: another entry may be validated"

    def test_the_matrix_is_the_gain_of_every_judge_over_the_base_model(self, validated_board):
        run = runs_in_order(validated_board)[0]
        matrix = cross_rewards(validated_board, run)
        assert matrix.judges == ["mini-strong", "mini-vivid + TextNorm", "exact judge (gold)"]
        assert matrix.runs == ["mini-strong, seed 0", "mini-vivid + TextNorm, seed 0"]
        assert [[cell.trained for cell in row] for row in matrix.cells] == [[True, False, False], [False, True, False]]
        for row, shown in zip(matrix.cells, runs_in_order(validated_board), strict=True):
            base, end = shown.folder.evaluation(0), shown.folder.evaluation(2)
            rows = (base["split"] == "train") & (base["part"] == "test")
            roles = ("proxy", "watch0", "gold") if shown is run else ("watch0", "proxy", "gold")
            gains = [float(end.loc[rows, role].mean() - base.loc[rows, role].mean()) for role in roles]
            assert [float(cell.text) for cell in row] == pytest.approx(gains, abs=5.1e-4)
            assert all(-1 <= cell.shade <= 1 and cell.shade * gain >= 0 for cell, gain in zip(row, gains, strict=True))

    def test_images_are_encoded_again_and_described(self, validated_board):
        run = validated_board.runs[0]
        samples = prompt_samples(validated_board, run)
        assert samples is prompt_samples(validated_board, run), "remembered"
        assert {prompt.prompt for prompt in samples} == set(run.report.prompts)
        epochs = {run.report.epochs[0], run.report.peaks[0].peak_epoch, run.report.epochs[-1]}
        for prompt in samples:
            assert prompt.strips[0].label == "base model"
            assert len(prompt.strips) == len(epochs)
            for strip, epoch in zip(prompt.strips, sorted(epochs), strict=True):
                frame = run.folder.evaluation(epoch)
                rows = frame[(frame["prompt"] == prompt.prompt) & (frame["part"] == "test")]
                assert [sample.frame for sample in strip.samples] == [
                    "good" if gold else "bad" for gold in rows["gold"]
                ]
                for sample, png in zip(strip.samples, rows["image"], strict=True):
                    kind, _, content = sample.source.partition(",")
                    assert kind == "data:image/jpeg;base64"
                    shown = Image.open(io.BytesIO(base64.b64decode(content)))
                    original = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.float64)
                    assert np.abs(np.asarray(shown, np.float64) - original).mean() < 8
                    assert prompt.prompt in sample.words

    def test_what_is_said_of_a_run_says_what_was_recomputed(self, validated_board):
        for run in validated_board.runs:
            facts = dict(run_facts(validated_board, run))
            assert facts["trained on"].startswith(run.report.judges["proxy"])
            assert "exact judge" in facts["recomputed"]
            assert facts["recomputed"].endswith("as the run logged it: the KL divergence")
            assert facts["added"].endswith("by a test")
            assert "exact judge (gold, training prompts) from" in run_curve_words(run)
            assert [row[0] for row in alarm_rows(run)] == [statistic.name for statistic in run.report.statistics]
            assert alarm_words(run).endswith(".")

    @pytest.mark.parametrize("against", ["distance", "steps"])
    @pytest.mark.parametrize("role", ["proxy", "gold"])
    def test_curves_are_those_of_the_report(self, validated_board, role, against):
        run = validated_board.runs[0]
        traces = [trace for trace in run_curve(run, role, against).data if trace.mode == "lines+markers"]
        lines = [line for line in run.report.curves if line.role == role]
        assert [trace.name for trace in traces] == ["training prompts", "held-out prompts"]
        for trace, line in zip(traces, lines, strict=True):
            assert list(trace.y) == line.mean
            expected = run.report.updates if against == "steps" else np.sqrt(run.report.kl)
            np.testing.assert_allclose(trace.x, expected)

    def test_seeds_of_one_budget_are_averaged_and_budgets_are_not_mixed(self, validated_board):
        run = next(run for run in validated_board.runs if run.entry == "mini-strong")

        def like(gain, added="2026", **settings):
            peak = run.report.peaks[0]
            peaks = [type(peak)(**{**vars(peak), "gain": gain})]
            report = run.report.model_copy(update={"peaks": peaks, "settings": {**run.report.settings, **settings}})
            return BoardRun(**{**vars(run), "report": report, "added": added})

        seeds = [like(0.1, seed=0), like(0.3, seed=1), like(9.0, added="2027", save_every=7)]
        figures = validated_figures(seeds)["mini-strong"]
        assert figures.gain == pytest.approx(0.2)
        assert figures.runs == 2
        elsewhere = BoardRun(**{**vars(run), "entry": None})
        assert validated_figures([elsewhere]) == {}
        without_gold = BoardRun(**{**vars(run), "report": run.report.model_copy(update={"peaks": []})})
        assert validated_figures([without_gold]) == {}


def test_a_board_without_runs_looks_as_before(mini_board):
    assert mini_board.runs == ()
    assert mini_board.validated == {}
    assert usual_columns(mini_board) == ["pooled"]
    assert {*VALIDATED, "best_of_n"} <= set(column_titles(mini_board))


def table_of(board, name):
    return [board.index.store.table(digest) for digest in board.entry(name).listing.tables]


@pytest.mark.parametrize("name", ["mini-countblind", "mini-countblind~textnorm", "mini-ensemble~mean-textnorm"])
def test_best_of_n_is_what_the_command_says(mini_board, name):
    entry = mini_board.entry(name)
    tables = table_of(mini_board, name)
    result = best_of_n_curves(
        tables if len(tables) > 1 else tables[0], entry.calibration, resamples=mini_board.index.resamples
    )
    for scope, part in result.parts.items():
        kept = mini_board.best_of_n(mini_board.positions[name], scope)
        assert kept.n.tolist() == result.n
        assert kept.limit == result.limit
        np.testing.assert_allclose(kept.gold.T, [part.gold.mean, part.gold.low, part.gold.high], atol=1e-12)
        assert (kept.peak, kept.inside) == (part.peak.n, part.peak.inside)
        assert (kept.gain, kept.drop_low) == pytest.approx((part.peak.gain.mean, part.peak.drop.low), nan_ok=True)


@pytest.mark.parametrize("scope", ["counting", "overall"])
def test_the_ceiling_of_best_of_n_is_above_every_entry_and_begins_at_chance(mini_board, scope):
    parts = [mini_board.best_of_n(position, scope) for position in range(len(mini_board))]
    ceiling = best_possible(mini_board, scope, parts[0].n)
    assert ceiling[0] == pytest.approx(parts[0].gold[0, 0], abs=1e-12)
    assert (np.diff(ceiling) >= 0).all()
    assert all((part.gold[:, 0] <= ceiling + 1e-12).all() for part in parts)
    rows = mini_board.items[mini_board.items["subset"] == "counting"]
    best = rows.groupby("prompt_id")["human_score"].max().mean()
    if scope == "counting":
        assert ceiling[-1] == pytest.approx(best, abs=1e-12), "of all images, the best is chosen"
    beside = entries_beside(mini_board, "mini-web")
    assert beside[0] == "mini-web"
    models = [mini_board.entry(name).model for name in beside]
    assert len(set(models)) == len(models) == 4
    names = [trace.name for trace in best_of_n(mini_board, scope, beside).data if trace.name]
    assert names[-1] == "ceiling: chosen by people's own scores"


def test_best_of_n_is_in_the_index_with_the_entry(mini_board, monkeypatch):
    monkeypatch.setattr(type(mini_board.index), "_load", lambda *_: pytest.fail("a score table was read"))
    for position, entry in enumerate(mini_board.entries):
        part = mini_board.best_of_n(position, "counting", make=False)
        assert part is not None, entry.id


@pytest.mark.parametrize("chips", [["raw", "TextNorm"], ["cv"], ["oracle"]])
def test_best_of_n_sorts_the_board(mini_board, chips):
    rows = model_entries(mini_board, "counting", "auroc", chips=chips, sort="best_of_n")
    numbers = [gold_gained(mini_board.best_of_n(row.main, "counting")) for row in rows]
    assert len(numbers) > 3
    assert numbers == sorted(numbers, reverse=True)


def test_best_of_n_is_a_column_of_the_board(mini_board, cells):
    rows = cells(mini_board, "counting", "auroc", columns=["best_of_n"])
    for name, texts in rows.items():
        part = mini_board.best_of_n(mini_board.positions[name], "counting")
        where = f"peak {part.peak:.0f}" if part.inside else "no peak to 12"
        assert texts["best of n"] == f"{gold_gained(part):+.3f}, {where}"
    assert ", peak " in rows["mini-countblind~textnorm"]["best of n"]
    assert rows["mini-countblind"]["best of n"].endswith("no peak to 12")


def test_best_of_n_in_words_and_as_a_table(mini_board):
    ids = ["mini-countblind~textnorm", "mini-strong"]
    words = best_of_n_words(mini_board, "counting", ids)
    assert "peaks and then falls for mini-countblind + TextNorm at n = " in words
    sheet = best_of_n_sheet(mini_board, "counting", ids)
    assert sheet.headers[:3] == ["Entry", "n = 1", "n = 12"]
    assert [row[0] for row in sheet.texts] == ["mini-countblind + TextNorm", "mini-strong"]
    assert sheet.texts[0][1] == sheet.texts[1][1], "a random image is one whoever doesn't choose"
    lines = [trace for trace in best_of_n(mini_board, "counting", ids).data if trace.mode == "lines+markers"]
    assert [trace.name for trace in lines] == ["mini-countblind + TextNorm", "mini-strong"]
    assert best_of_n_words(mini_board, "counting", []).startswith("Choose entries")
    offered = entries_with_curves(mini_board)
    assert len(offered) == len(mini_board)
    assert set(usual_entries(mini_board)) <= set(offered)


def test_a_benchmark_with_too_few_images_has_no_curves(mini_board):
    (table,) = table_of(mini_board, "mini-strong")
    values = calibration_of("raw").apply([table])
    few = values.items.groupby("prompt_id").head(1).index
    scored = np.zeros(len(values.items), bool)
    scored[few] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        single = type(values)(**{**vars(values), "values": np.where(scored, values.values, np.nan)})
        arrays = best_of_n_arrays(single, mini_board.scopes, 50)
    part = best_of_n_part(arrays, 0)
    assert part is None or math.isnan(part.peak)
