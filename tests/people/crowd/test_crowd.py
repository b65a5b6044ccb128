"""Tasks out and answers in, by the columns of two platforms, and what strangers' files meet."""

from __future__ import annotations

import csv
import runpy
from collections import Counter
from pathlib import Path

import pytest

from tia2.errors import StudyError, UnknownNameError
from tia2.people.conduct import RejectionRules
from tia2.people.crowd.answers import crowd_conducts, csv_text, keep_results, read_results, reviewed_rows
from tia2.people.crowd.platforms import MTURK, PROLIFIC, platform_of
from tia2.people.crowd.tasks import crowd_tasks, pair_tokens
from tia2.people.pairing.create import create_pairs
from tia2.people.pairing.sources import model_images
from tia2.people.store.settings import StudySettings
from tia2.people.store.study import Study
from tia2.people.verdict.decide import verdict_on
from tia2.people.verdict.study_pairs import study_pairs

ROOT = Path(__file__).resolve().parents[3]
write_image = runpy.run_path(str(ROOT / "tests" / "people" / "pairing" / "conftest.py"))["write_image"]
ADDRESS = "https://images.example.org/study"
MTURK_COLUMNS = [
    "HITId",
    "HITTypeId",
    "Title",
    "Description",
    "Keywords",
    "Reward",
    "CreationTime",
    "MaxAssignments",
    "RequesterAnnotation",
    "AssignmentDurationInSeconds",
    "AutoApprovalDelayInSeconds",
    "Expiration",
    "NumberOfSimilarHITs",
    "LifetimeInSeconds",
    "AssignmentId",
    "WorkerId",
    "AssignmentStatus",
    "AcceptTime",
    "SubmitTime",
    "AutoApprovalTime",
    "ApprovalTime",
    "RejectionTime",
    "RequesterFeedback",
    "WorkTimeInSeconds",
    "LifetimeApprovalRate",
    "Last30DaysApprovalRate",
    "Last7DaysApprovalRate",
]
"""Columns that the requester's page writes before those of the task."""


@pytest.fixture
def study(tmp_path) -> Study:
    for name, light in {"plain": 100, "good": 130}.items():
        (tmp_path / name).mkdir()
        for number in range(12):
            write_image(tmp_path / name / f"{number}.png", f"=prompt {number:02}", 0, light)
    models = [model_images(str(tmp_path / name)) for name in ("plain", "good")]
    create_pairs(tmp_path / "study", StudySettings(name="crowd", question={"kind": "pair"}), models, checks=3)
    study = Study(tmp_path / "study", durable=False)
    yield study
    study.close()


def answer(study: Study, token: str, skill: bool) -> str:
    item, swapped = pair_tokens(study)[token]
    better = item.gold["alignment"] if item.gold else "AB"[item.facts["b"] == "good"]
    if not skill:
        return "left"
    return "right" if (better == "A") == swapped else "left"


def batch(study: Study, people: dict[str, bool], platform=MTURK, seconds: float = 60.0, **more: str) -> str:
    """Results as the platform writes them: everybody on every task."""
    rows = []
    for number, task in enumerate(crowd_tasks(study, ADDRESS, 4)):
        for person, skill in people.items():
            own = dict.fromkeys(MTURK_COLUMNS, "") if platform is MTURK else {"Age": "30"}
            own |= {platform.rater: person, platform.submission: f"{person}-{number}", platform.seconds: str(seconds)}
            own |= {platform.status: "Submitted" if platform is MTURK else "AWAITING REVIEW", **more}
            given = {f"{platform.given}{name}": value for name, value in task.items()}
            for name, token in task.items():
                if name.startswith("pair_") and token:
                    for aspect in ("alignment", "fidelity"):
                        column = f"{platform.answered}{aspect}_{name.removeprefix('pair_')}"
                        given[column] = answer(study, token, skill)
            rows.append({**own, **given})
    return csv_text(rows)


def test_tasks_hold_every_pair_once_and_nothing_that_tells(study):
    tasks = crowd_tasks(study, ADDRESS + "/", 4)
    assert len(tasks) == 3
    assert all(len(task) == 5 * 4 for task in tasks), "four pairs and a check"
    known = pair_tokens(study)
    listed = [known[task[f"pair_{number}"]] for task in tasks for number in range(1, 6)]
    asked = [(item, swapped) for item, swapped in listed if item.gold is None]
    assert Counter(item.key for item, _ in asked) == {item.key: 1 for item in study.items() if item.gold is None}
    left = Counter(item.facts["b" if swapped else "a"] for item, swapped in asked)
    assert left == {"plain": 6, "good": 6}
    for task in tasks:
        text = " ".join(task.values())
        assert not any(word in text for word in ("plain", "good", "seed", "check"))
        for number in range(1, 6):
            item, swapped = known[task[f"pair_{number}"]]
            assert task[f"left_{number}"] == f"{ADDRESS}/{item.images[swapped]}"
            assert item.key not in task[f"pair_{number}"]
    assert crowd_tasks(study, ADDRESS, 4) == tasks
    last = crowd_tasks(study, ADDRESS, 5)[-1]
    assert (last["prompt_4"] == "") == (last["pair_4"] == ""), "a shorter task has empty places"


@pytest.mark.parametrize("platform", [MTURK, PROLIFIC], ids=lambda platform: platform.name)
def test_answers_become_votes(study, tmp_path, platform):
    path = tmp_path / "results.csv"
    path.write_text(batch(study, {"W1": True, "W2": True, "SPAM": False}, platform), encoding="utf-8")
    results = read_results(study, path, platform)
    assert len(results.votes) == 3 * 15
    assert set(results.votes["rater"]) == {f"{platform.name} {name}" for name in ("W1", "W2", "SPAM")}
    assert set(results.votes["seconds"]) == {12.0}
    keep_results(study, results)
    keep_results(study, results)
    everyone = study_pairs(study)
    assert len(everyone.votes) == 3 * 12 * 2
    kept = study_pairs(study, RejectionRules())
    assert set(kept.rejected) == {f"{platform.name} SPAM"}
    outcome = verdict_on(kept, resamples=10).aspects[0].pairs[0]
    assert (outcome.rate.first, outcome.rate.rate.mean) == ("good", 1.0)


def test_who_is_paid_follows_from_the_rules(study, tmp_path):
    path = tmp_path / "results.csv"
    text = batch(study, {"W1": True, "SPAM": False})
    path.write_text(text, encoding="utf-8")
    results = read_results(study, path, MTURK)
    people = crowd_conducts(study, results)
    rows = reviewed_rows(results, people, RejectionRules())
    paid = {row["WorkerId"]: (row["Approve"], row["Reject"]) for row in rows}
    assert paid["W1"] == ("x", "")
    assert paid["SPAM"][0] == ""
    assert paid["SPAM"][1].startswith(("passed", "gave the same answer"))
    assert reviewed_rows(results, people, RejectionRules()) == rows
    settled = tmp_path / "settled.csv"
    settled.write_text(text.replace("Submitted", "Approved"), encoding="utf-8")
    again = read_results(study, settled, MTURK)
    assert {(row["Approve"], row["Reject"]) for row in reviewed_rows(again, people, RejectionRules())} == {("", "")}
    header = next(csv.reader(csv_text(rows).splitlines()))
    assert header[-2:] == ["Approve", "Reject"]


def test_what_was_returned_doesnt_count(study, tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(batch(study, {"W1": True}, PROLIFIC, Status="RETURNED"), encoding="utf-8")
    results = read_results(study, path, PROLIFIC)
    assert (len(results.votes), results.ignored) == (0, 3)


def test_blank_answers_are_counted_and_left_out(study, tmp_path):
    path = tmp_path / "results.csv"
    rows = list(csv.DictReader(batch(study, {"W1": True}).splitlines()))
    rows[0]["Answer.alignment_1"] = ""
    path.write_text(csv_text(rows), encoding="utf-8")
    results = read_results(study, path, MTURK)
    assert (results.blank, len(results.votes)) == (1, 14)


def test_strangers_files_are_refused_in_one_line(study, tmp_path):
    path = tmp_path / "results.csv"
    good = batch(study, {"W1": True})
    header, _, rest = good.partition("\n")
    for text, message in (
        ("", "no file of mturk: no column 'WorkerId'; it begins with nothing"),
        ("a,b\n1,2\n", "no column 'WorkerId'; it begins with a, b"),
        ("WorkerId,AssignmentId,AssignmentStatus\n", "holds no results"),
        ("WorkerId,AssignmentId,AssignmentStatus\nA,B,Submitted\n", "no column Input.pair_1"),
        (header.replace("Answer.fidelity_2", "Answer.beauty_2") + "\n" + rest, "no column Answer.fidelity_2"),
        (good.replace(",left", ",both", 1), "expected left, tie or right"),
        (good.replace(next(iter(crowd_tasks(study, ADDRESS, 4)))["pair_2"], "f" * 24), "pair_2 is none of this study"),
        (good.replace(",W1,", ",,"), "WorkerId is empty"),
        (header + "\nshort,row\n", "row 2: expected"),
        ('WorkerId,"AssignmentId\n', "can't be read as CSV"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match=message) as error:
            read_results(study, path, MTURK)
        assert "\n" not in str(error.value)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="can't be read as CSV"):
        read_results(study, path, MTURK)
    with pytest.raises(UnknownNameError, match="mturk, prolific"):
        platform_of("toloka")
    with pytest.raises(StudyError, match="address that images are served from"):
        crowd_tasks(study, "runs/images")


def test_a_prompt_is_no_formula_in_a_spreadsheet(study):
    rows = list(csv.DictReader(csv_text(crowd_tasks(study, ADDRESS)).splitlines()))
    assert rows[0]["prompt_1"].startswith("'=prompt")


def test_the_commands_write_tasks_and_take_answers(study, tmp_path, cli):
    said = cli("people", "crowd-out", study.folder, tmp_path / "tasks.csv", "--address", ADDRESS, "--per-task", "4")
    assert "3 tasks; ask 3 people for each." in said.out
    assert "isn't paid when" in " ".join(said.out.split())
    results = tmp_path / "results.csv"
    results.write_text(batch(study, {"W1": True, "SPAM": False}), encoding="utf-8")
    said = cli("people", "crowd-in", study.folder, results, "--review", tmp_path / "reviewed.csv")
    assert "30 votes of 2 people" in said.out
    assert "Not paid: mturk SPAM" in said.out
    assert (tmp_path / "reviewed.csv").is_file()
    assert "good is preferred to plain" in " ".join(cli("people", "verdict", study.folder, "--reject").out.split())
    failed = cli("people", "crowd-in", study.folder, tmp_path / "tasks.csv")
    assert failed.code == 1
    assert "is no file of mturk" in failed.err
