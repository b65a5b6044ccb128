"""From votes to a verdict: the truth is found, mirrors, judges, rules, stopping, page and command."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from simulated_raters import left_eye, noise_eye, vote_all

from tia2.errors import ResultError, StudyError
from tia2.people.conduct import NO_RULES, RaterConduct, RejectionRules
from tia2.people.pairing.create import create_pairs
from tia2.people.pairing.sources import model_images
from tia2.people.store.items import NewItem
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study
from tia2.people.verdict.decide import stop_advice, verdict_on
from tia2.people.verdict.figures import strengths_figure
from tia2.people.verdict.study_pairs import study_pairs
from tia2.people.verdict.words import as_json, looking, sentence

ROOT = Path(__file__).resolve().parents[3]
write_image = runpy.run_path(str(ROOT / "tests" / "people" / "pairing" / "conftest.py"))["write_image"]
BRIGHTNESS = {"plain": 100, "good": 108, "best": 118}


def brightness(contents, prompts):
    import io

    from PIL import Image

    return [float(np.asarray(Image.open(io.BytesIO(content))).mean()) for content in contents]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("models")
    for name, light in BRIGHTNESS.items():
        (home / name).mkdir()
        for number in range(24):
            write_image(home / name / f"{number}.png", f"prompt {number:02}", 0, light)
    return {name: home / name for name in BRIGHTNESS}


def study_of(folder: Path, models: list[Path], raters: dict, **more) -> Study:
    asked = {"aspects": ("alignment", "fidelity")}
    fields = {"votes_per_item": 3, "gold_share": 0.15, "repeat_share": 0.1, "repeat_gap": 3}
    settings = StudySettings(name="a study", question={"kind": "pair", **asked}, **fields)
    judges = {"light": brightness, "dark": lambda *given: [-value for value in brightness(*given)]}
    create_pairs(folder, settings, [model_images(str(path)) for path in models], checks=6, judges=judges, **more)
    study = Study(folder, durable=False)
    vote_all(study, raters)
    return study


@pytest.fixture(scope="module")
def study(tmp_path_factory, folders) -> Study:
    raters = {"Ann": noise_eye(1), "Bo": noise_eye(2), "Cy": noise_eye(3)}
    study = study_of(tmp_path_factory.mktemp("verdict") / "study", [folders["plain"], folders["good"]], raters)
    yield study
    study.close()


@pytest.fixture(scope="module")
def pairs(study):
    return study_pairs(study)


@pytest.fixture(scope="module")
def verdict(pairs):
    return verdict_on(pairs, resamples=100)


def test_every_vote_counts_once_for_the_model_that_was_chosen(study, pairs):
    frame = study.votes()
    counted = frame[frame["slot"] == "item"]
    assert len(counted) == 72
    assert len(pairs.votes) == 144, "two aspects"
    items = {item.key: item for item in study.items()}
    chosen = [items[row["item"]].facts[row["alignment"].lower()] if row["alignment"] != "tie" else "tie"
              for _, row in counted.iterrows()]  # fmt: skip
    (outcome, *_) = next(a for a in verdict_on(pairs, resamples=10).aspects if a.aspect == "alignment").pairs
    assert outcome.rate.first == "good"
    assert outcome.rate.wins.mean == pytest.approx(chosen.count("good") / 72)
    assert outcome.rate.ties.mean == pytest.approx(chosen.count("tie") / 72)


def test_the_better_model_is_preferred(verdict):
    for aspect in verdict.aspects:
        (outcome,) = aspect.pairs
        assert outcome.rate.rate.low > 0.5
        assert "good is preferred to plain: it wins" in sentence(outcome, aspect.aspect)
        assert abs(outcome.rate.position.mean) < 0.2
        assert aspect.strengths is None
        assert len(outcome.sequence.prompts) == 24
        assert "settled" in looking(outcome)


def test_judges_agree_or_disagree_as_they_do(verdict):
    (outcome,) = verdict.aspects[0].pairs
    dark, light = outcome.judges
    assert (light.name, light.rate.mean, dark.rate.mean) == ("light", 1.0, 0.0)
    assert light.agreement.mean > 0.6
    assert light.agreement.mean + dark.agreement.mean == pytest.approx(1)


def test_names_that_are_swapped_mirror_everything(study, verdict, tmp_path, folders):
    """The same votes on models whose names sort the other way round."""
    pairs = study_pairs(study)
    names = {"good": "a", "plain": "z"}
    frame = pairs.votes.frame.copy()
    other = frame.assign(left=frame["left"].map({"good": "z", "plain": "a"}),
                         right=frame["right"].map({"good": "z", "plain": "a"}))  # fmt: skip
    from tia2.people.comparing.pair_votes import PairVotes
    from tia2.people.comparing.win_rates import win_rates

    same, mirrored = (
        win_rates(PairVotes(table).of_aspect("fidelity"))[0]
        for table in (frame.replace({"left": names, "right": names}), other)
    )
    assert mirrored.rate.mean == pytest.approx(1 - same.rate.mean)
    assert mirrored.rate.low == pytest.approx(1 - same.rate.high)
    assert mirrored.position == same.position or mirrored.position.mean == pytest.approx(same.position.mean)


def test_what_a_spammer_says_is_left_out_by_rules(tmp_path, folders):
    raters = {"Ann": noise_eye(1), "Bo": noise_eye(2), "Spam": left_eye}
    study = study_of(tmp_path / "study", [folders["plain"], folders["best"]], raters)
    everyone, kept = (study_pairs(study, rules) for rules in (NO_RULES, RejectionRules()))
    study.close()
    spam = next(conduct for conduct in everyone.raters if conduct.rater == "Spam")
    assert (spam.left, spam.same) == (1.0, 1.0)
    assert set(kept.rejected) == {"Spam"}
    assert kept.rejected["Spam"].startswith(("passed", "gave the same answer 100%"))
    assert set(kept.votes.frame["rater"]) == {"Ann", "Bo"}
    ann = next(conduct for conduct in everyone.raters if conduct.rater == "Ann")
    assert ann.passed == ann.checks > 0
    assert ann.seconds == 4.0
    with_spam, without = (verdict_on(pairs, resamples=20).aspects[0].pairs[0] for pairs in (everyone, kept))
    assert with_spam.sequence.prompts == without.sequence.prompts != ()
    # The spammer's side is as often one model as the other: he blurs, and is seen in the effect of position.
    assert with_spam.rate.position.mean > 0.05
    assert without.rate.rate.mean > with_spam.rate.rate.mean


def test_rules_are_told_in_sentences_and_refuse_nonsense():
    rules = RejectionRules(checks=0.8, seconds=2, same=0.9)
    assert [rules.reason(RaterConduct("x", **facts)) for facts in (
        {"votes": 9, "checks": 5, "passed": 4, "seconds": 3.0, "same": 0.5},
        {"votes": 9, "checks": 5, "passed": 3, "seconds": 3.0, "same": 0.5},
        {"votes": 9, "seconds": 1.5, "same": 0.5},
        {"votes": 9, "seconds": None, "same": 0.95},
        {"votes": 4, "seconds": 0.1, "same": 1.0},
    )] == ["", "passed 3 of 5 checks", "took 1.5 s per vote", "gave the same answer 95% of the time", ""]  # fmt: skip
    assert len(rules.sentences()) == 3
    assert NO_RULES.sentences() == []
    with pytest.raises(ResultError, match="shares from 0 to 1"):
        RejectionRules(checks=2)


def test_three_models_get_strengths(tmp_path, folders):
    raters = {"Ann": noise_eye(1), "Bo": noise_eye(2), "Cy": noise_eye(3)}
    study = study_of(tmp_path / "study", list(folders.values()), raters, pairs=72)
    pairs = study_pairs(study)
    study.close()
    verdict = verdict_on(pairs, resamples=20)
    strengths = verdict.aspects[0].strengths
    assert [strengths.models[number] for number in np.argsort(-strengths.strengths)] == ["best", "good", "plain"]
    assert [len(aspect.pairs) for aspect in verdict.aspects] == [3, 3]
    advice = stop_advice(verdict)
    decided = [outcome.sequence.decided_at() for aspect in verdict.aspects for outcome in aspect.pairs]
    assert advice.stop == all(decided)
    assert stop_advice(verdict, half_width=0.5).stop
    figure = strengths_figure(verdict)
    assert [row.key for row in figure.panels[0].rows] == ["best", "good", "plain"]
    assert len(figure.panels[0].marks) == 6


def test_the_page_holds_all_it_needs(study, tmp_path, cli):
    out = tmp_path / "page"
    said = cli("people", "verdict", study.folder, "--out", out, "--half-width", "7", "--reject")
    assert "good is preferred to plain" in said.out
    assert "You can stop" in said.out or "isn't settled" in said.out
    page = (out / "verdict.html").read_text(encoding="utf-8")
    assert "good is preferred to plain" in page
    without_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!data:)', without_scripts)
    content = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    assert content["models"] == ["good", "plain"]
    outcome = content["aspects"][0]["pairs"][0]
    assert outcome["rate"]["low"] > 0.5
    assert len(outcome["sequence"]["means"]) == 24
    if any(pair["disputed"] for aspect in content["aspects"] for pair in aspect["pairs"]):
        assert (out / "disputes.png").is_file()
        assert "Pairs in dispute" in page
    assert json.loads(cli("people", "verdict", study.folder, "--json").out)["votes"] == 144


def test_what_models_are_called_is_text(tmp_path, folders):
    names = ["<b>one</b>=" + str(folders["plain"]), "$x$ [red]=" + str(folders["best"])]
    settings = StudySettings(name="<script>alert(1)</script>", question={"kind": "pair"}, votes_per_item=1)
    create_pairs(tmp_path / "study", settings, [model_images(name) for name in names])
    study = Study(tmp_path / "study", durable=False)
    vote_all(study, {"<i>Ann</i>": noise_eye(1)})
    from tia2.people.verdict.writing import write_verdict

    write_verdict(verdict_on(study_pairs(study), resamples=10), tmp_path / "page")
    study.close()
    page = (tmp_path / "page" / "verdict.html").read_text(encoding="utf-8")
    for tag in ("<b>one", "<script>alert", "<i>Ann"):
        assert tag not in page


def test_studies_that_have_no_verdict_are_refused(tmp_path, folders, pictures):
    settings = StudySettings(name="a", question={"kind": "pair"})
    create_pairs(tmp_path / "new", settings, [model_images(str(folders[name])) for name in ("plain", "good")])
    study = Study(tmp_path / "new")
    with pytest.raises(ResultError, match="nobody has voted yet"):
        verdict_on(study_pairs(study))
    study.close()
    other = Study.create(tmp_path / "other", StudySettings(name="b"), [NewItem("x", "a cat", [pictures[0]])])
    with pytest.raises(StudyError, match="asks about 'aligned', not about pairs"):
        study_pairs(other)
    other.close()
    strange = Study.create(tmp_path / "strange", settings, [NewItem("x", "a cat", pictures[:2])])
    with pytest.raises(StudyError, match="doesn't say which models"):
        study_pairs(strange)
    strange.close()


def test_the_owner_sees_whether_to_stop_while_people_vote(study, verdict, tmp_path, folders):
    client = pytest.importorskip("starlette.testclient", reason="needs starlette and httpx")
    from tia2.people.page.app import page_app
    from tia2.people.page.protection import served_names

    def advice(of: Study) -> str | None:
        page = client.TestClient(page_app(of, served_names((), "localhost")), "http://localhost")
        headers = {"Authorization": f"Bearer {of.owner_token}"}
        first, second = (page.get("/api/owner", headers=headers).json()["advice"] for _ in range(2))
        assert first == second
        return first

    assert advice(study) == stop_advice(verdict).reason
    new = study_of(tmp_path / "new", [folders["plain"], folders["good"]], {})
    assert advice(new) is None
    vote_all(new, {"Ann": noise_eye(1)})
    unsettled = "If you meant to stop early, go on asking: good and plain on alignment isn't settled"
    assert advice(new) in (f"{unsettled}.", f"{unsettled}; nor is 1 more.")
    new.close()


def test_the_commands_plan_compare_and_decide(tmp_path, folders, cli):
    said = cli("people", "plan", "--pairs", "20")
    assert "±23 points (±22 if the spread were known)" in " ".join(said.out.split())
    said = cli("people", "plan", "--half-width", "7", "--win-rate", "65")
    assert re.search(r"199 pairs with 1 vote each", said.out)
    assert "Stopping early" in said.out
    models = [f"{name}={folders[name]}" for name in ("plain", "good")]
    said = cli("people", "compare", *models, "--out", tmp_path / "study", "--pairs", "10", "--raters", "2")
    assert "10 pairs of plain, good on 10 prompts, and 4 with a known answer." in " ".join(said.out.split())
    assert f"tia2 people vote {tmp_path / 'study'}" in said.err
    study = Study(tmp_path / "study", durable=False)
    vote_all(study, {"Ann": noise_eye(1), "Bo": noise_eye(2)})
    study.close()
    said = cli("people", "plan", "--pairs", "50", "--raters", "3", "--pilot", tmp_path / "study", "--json")
    assert json.loads(said.out)["half_width"] < 0.3
    for words, code in (
        (("plan",), "Give either --pairs or --half-width"),
        (("plan", "--pairs", "9", "--pilot", tmp_path / "study", "--vote-sd", "3"), "Give either a --pilot"),
        (("compare", *models, "--out", tmp_path / "x", "--raters", "0"), "A study can't have these settings"),
        (("compare", *models, "--out", tmp_path / "x", "--aspects", "a,a"), "aspects are named once each"),
        (("verdict", tmp_path / "nothing"), "holds no study"),
    ):
        failed = cli("people", *words)
        assert failed.code != 0
        assert code in failed.err
        assert len(failed.err.strip().splitlines()) == 1


def test_the_verdict_json_has_no_numbers_that_json_has_not(verdict):
    json.dumps(as_json(verdict), allow_nan=False)
