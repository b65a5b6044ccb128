"""A run's report says what is true of images that were drawn to be so."""

import re

import numpy as np
import pytest
from PIL import Image

from tia2.errors import FinetuneError
from tia2.finetune.report.content import make_report, shown_epochs
from tia2.finetune.report.figures import divergence, judges, overview, statistics
from tia2.finetune.report.grids import BAD, GOOD, sample_blocks
from tia2.finetune.report.records import load_report
from tia2.finetune.report.words import verdict_sentence
from tia2.finetune.report.writing import write_report


@pytest.fixture(scope="module")
def written(drawn_run):
    return write_report(drawn_run)


def test_the_sentence_says_where_gold_peaks_and_how_far_it_falls(written):
    report, _ = written
    assert report.verdict.startswith("Over-optimised: gold (exact judge) goes from ")
    assert "at epoch 10 (3.8 nats)" in report.verdict
    assert "by epoch 25, while the proxy mini-countblind keeps what it gained." in report.verdict


@pytest.mark.parametrize(
    ("verdict", "beginning"),
    [
        ("over-optimised", "Over-optimised: "),
        ("ruined", "Ruined, which is not over-optimisation: "),
        ("no peak within budget", "No peak within budget: "),
        ("not settled", "Not settled: "),
    ],
)
def test_every_sentence_begins_with_a_capital(written, verdict, beginning):
    report, _ = written
    test = report.peaks[0].model_copy(update={"verdict": verdict})
    sentence = verdict_sentence(report.judges, test, report.curve("gold").mean, report.epochs)
    assert sentence.startswith(beginning)
    assert sentence.endswith(".")


def test_prompts_are_listed_with_the_worst_first_and_add_up(written):
    report, _ = written
    falls = [change.fall for change in report.changes]
    assert falls == sorted(falls, reverse=True)
    assert np.mean(falls) == pytest.approx(report.peaks[0].drop)
    assert np.mean([change.base for change in report.changes]) == pytest.approx(report.curve("gold").mean[0])
    for change in report.changes:
        assert change.fall == pytest.approx(change.peak - change.end)
        assert change.fall_interval[0] <= change.fall <= change.fall_interval[1]


def test_gains_share_a_unit(written):
    report, _ = written
    proxy = report.curve("proxy")
    # The proxy of a drawn run climbs by 0.01 per evaluation and varies by 0.005.
    assert proxy.spread == pytest.approx(0.005, rel=0.3)
    assert proxy.gains()[-1] == pytest.approx(0.05 / proxy.spread, rel=0.1)
    assert proxy.gains()[0] == 0


def test_the_figures_have_no_legend_that_repeats_a_title(written):
    report, _ = written
    assert len(statistics(report).series()) == 1, "one kind of line needs no legend"
    assert [panel.title for panel in divergence(report).panels] == [
        "Without the last two steps",
        "All steps",
        "Per step, without the last two",
        "Per step, all",
    ]
    without, everything = divergence(report).panels[2:]
    assert len(without.curves[0].y) == len(everything.curves[0].y) - 2
    assert {series.name for series in overview(report).series()} == {"mini-countblind (proxy)", "exact judge (gold)"}
    assert "Vendi score" in {series.name for series in judges(report).series()}


def test_image_sheets_show_the_verdict_of_every_image(drawn_run, written):
    report, _ = written
    assert list(shown_epochs(report, 3)) == [0, 10, 25]
    blocks = sample_blocks(drawn_run, report, prompts=2, seeds=4, epochs=3)
    assert [block.title for block in blocks] == [change.prompt for change in report.changes[:2]]
    for block in blocks:
        assert [row.label.partition("\n")[0] for row in block.rows] == ["base model", "epoch 10, peak", "epoch 25"]
        for row in block.rows:
            assert len(row.images) == 4
            assert set(row.frames) <= {GOOD, BAD}


def test_the_page_holds_everything_and_asks_nobody(written):
    report, files = written
    page, numbers = files[0].read_text(encoding="utf-8"), files[1]
    assert report.verdict in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=.https?:", page)
    assert page.count("Plotly.newPlot") == 3 + 2 + 4 + 5
    assert page.count("plotly.js v") == 1, "the library is there once"
    assert load_report(numbers).model_dump_json() == report.model_dump_json()
    for path in files[2:]:
        with Image.open(path) as picture:
            assert picture.width > 600
    for change in report.changes:
        assert change.prompt in page


def test_a_report_of_an_earlier_version_still_loads(written, tmp_path):
    import json

    content = json.loads(written[1][1].read_text(encoding="utf-8"))
    for field in ("changes", "sweeps"):
        del content[field]
    for curve in content["curves"]:
        del curve["spread"]
    content["law"].pop("law")
    (tmp_path / "old.json").write_text(json.dumps(content), encoding="utf-8")
    report = load_report(tmp_path / "old.json")
    assert report.verdict == written[0].verdict
    assert report.changes == []


def test_what_is_no_report_gets_one_sentence(tmp_path):
    with pytest.raises(FinetuneError, match="can't be read"):
        load_report(tmp_path / "none.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(FinetuneError, match="is no fine-tuning report"):
        load_report(tmp_path / "other.json")


def test_a_run_without_gold_gets_a_report_that_says_so(tmp_path, write_run):
    folder = write_run(tmp_path / "run", gold=[0.5, 0.6], without_gold=True)
    report = make_report(folder)
    assert report.verdict == "Without a gold judge nothing can be said about over-optimising mini-countblind."
    write_report(folder)
