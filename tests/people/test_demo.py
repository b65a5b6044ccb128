"""The demo from end to end, small: a benchmark, and two generators of which the exact judge knows the better one."""

from __future__ import annotations

import json

import pytest

from tia2.people.demo import DEMO, run_demo
from tia2.people.demo_models import compare_generators
from tia2.people.making.sampling import read_prompt_list
from tia2.people.simulated.annotators import CONTRARIAN, PEOPLE, SPAMMER
from tia2.people.sources import PROMPTS


@pytest.mark.slow
def test_people_say_of_two_generators_what_the_exact_judge_says(tmp_path):
    seen: dict[str, tuple[int, int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        seen[what] = (done, total)

    people = [*PEOPLE, SPAMMER, CONTRARIAN]
    small = {"prompts": 2, "images": 3, "votes": 3, "rewards": (), "people": people}
    demo = run_demo(tmp_path, **small, progress=progress)
    assert len(demo.built.benchmark.items) == 18
    outcome = demo.models.alignment
    assert (outcome.rate.first, outcome.rate.second) == ("mini", "mini-halfway")
    assert demo.models.truth.pairs == 18
    assert outcome.rate.rate.low <= demo.models.truth.rate.mean <= outcome.rate.rate.high
    assert set(demo.models.verdict.study.rejected) >= {"Spammer", "Contrarian"}
    assert demo.models.page.is_file()
    assert json.loads(demo.models.page.with_name("verdict.json").read_text(encoding="utf-8"))["aspects"]
    assert all(done == total for done, total in seen.values())
    prompts = read_prompt_list(tmp_path / "samples" / PROMPTS)
    again = compare_generators(tmp_path, prompts, people, settings=DEMO, images=3)
    assert again.alignment.rate == outcome.rate, "nothing was sampled or asked again"
