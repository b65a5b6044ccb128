"""`questions:` asks a reward each question once per image, and combines what it answers by the rule."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tia2
from tia2.errors import RewardError
from tia2.rewards import conformance
from tia2.rewards.families.questions import ASK, CHOICE
from tia2.rewards.families.vqascore.vqascore import VqaScoreReward

tiny = runpy.run_path(str(Path(__file__).parent / "tiny_vlm.py"))

SETS = {
    "a red cat": ["Is there a cat?", {"question": "Is the cat red?", "depends_on": [1]}],
    "two dogs, no cat": [
        "Are there dogs?",
        {"question": "Is there a cat?", "answer": "no"},
        {"question": "how many dogs?", "choices": ["1", "2", "3"], "answer": "2"},
    ],
}


def picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


IMAGES = [picture(0), picture(1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny["build"](tmp_path_factory.mktemp("questions") / "tiny", tiny["qwen2_5_vl"])


@pytest.fixture
def answering(tmp_path):
    """A reward whose answers are set by the test."""
    path = tmp_path / "answering.py"
    path.write_text(
        "ANSWERS = {}\n"
        "ASKED = []\n"
        "def answer(images, texts):\n"
        "    ASKED.extend(texts)\n"
        "    return [ANSWERS[text] for text in texts]\n"
    )
    return path


def test_equals_the_answers_of_vqascore(folder, tmp_path):
    (tmp_path / "questions.json").write_text(json.dumps(SETS))
    reward = tia2.load_reward(f"questions:vqascore:{folder}", device="cpu", questions=str(tmp_path / "questions.json"))
    vqa = VqaScoreReward(folder, device="cpu", question=ASK)
    found = reward.score_matrix(IMAGES, list(SETS))
    for image, row in zip(IMAGES, found, strict=True):
        there, red, dogs = vqa.score_matrix([image], ["Is there a cat?", "Is the cat red?", "Are there dogs?"])[0]
        numbers = vqa.score_matrix([image], [CHOICE.format(choice=n, question="how many dogs?") for n in "123"])[0]
        wanted = [(there + red) / 2, (dogs + 1 - there + numbers[1] / numbers.sum()) / 3]
        np.testing.assert_allclose(row, wanted, rtol=1e-5)
    np.testing.assert_allclose(reward.score(IMAGES, list(SETS)), np.diag(found), rtol=1e-6)
    assert reward.name == "soft-tifa-tiny"
    assert reward.card.prompts == 2


def test_the_image_is_read_once_and_each_question_asked_once(folder):
    reward = tia2.load_reward(f"questions:vqascore:{folder}", device="cpu", questions=SETS)
    calls: list[int] = []
    reward._inner._answerer.model.model.visual.register_forward_hook(lambda *given: calls.append(1))
    reward.score_matrix(IMAGES, list(SETS))
    assert len(calls) == 2
    assert len(reward._asked(list(SETS))) == 6  # "Is there a cat?" is a question of both


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("tifa", [0.5, 2 / 3]), ("dsg", [0.0, 2 / 3]), ("soft-tifa", [0.55, 0.6]), ("soft-tifa-gm", [0.18**0.5, None])],
)
def test_rules(answering, rule, expected):
    reward = tia2.load_reward(f"questions:{answering}:answer", questions=SETS, rule=rule)
    answers = reward._inner.function.__globals__["ANSWERS"]
    numbers = {
        CHOICE.format(choice=n, question="how many dogs?"): p for n, p in zip("123", (0.1, 0.3, 0.2), strict=True)
    }
    answers.update({"Is there a cat?": 0.2, "Is the cat red?": 0.9, "Are there dogs?": 0.5, **numbers})
    found = reward.score_matrix(IMAGES[:1], list(SETS))[0]
    wanted = [expected[0], (0.5 * 0.8 * 0.5) ** (1 / 3) if expected[1] is None else expected[1]]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert reward.answers(IMAGES[0], "a red cat") == (
        {"1": 0.0, "2": 1.0} if reward._rule.hard else pytest.approx({"1": 0.2, "2": 0.9})
    )


def test_fingerprints_tell_questions_and_rules_apart(folder):
    def load(**options):
        return tia2.load_reward(f"questions:vqascore:{folder}", device="cpu", **{"questions": SETS, **options})

    first = load().fingerprint
    assert load().fingerprint == first
    other = {**SETS, "a red cat": ["Is there a cat?", {"question": "Is the cat red?"}]}
    assert len({first, load(rule="dsg").fingerprint, load(questions=other).fingerprint}) == 3


def test_conformance(folder):
    texts = [f"number {number}" for number in range(6)]
    sets = {text: [f"Is this {text}?", "Is it red?"] for text in texts}
    checks = ["finite", "depends-on-text", "encode-once", "card", "fingerprint"]
    found = conformance.check(f"questions:vqascore:{folder}", device="cpu", questions=sets, texts=texts, only=checks)
    found.raise_for_failures()


def test_wrong_options_are_one_line(folder, answering):
    with pytest.raises(RewardError, match="needs the questions of each prompt: --option questions=FILE"):
        tia2.load_reward(f"questions:vqascore:{folder}")
    with pytest.raises(RewardError, match=r"rewards range from -1\.0 to 1\.0, and probabilities are needed"):
        tia2.load_reward("questions:mini-strong", device="cpu", questions=SETS)
    with pytest.raises(RewardError, match="1 prompts have no questions, the first: 'a'"):
        tia2.load_reward(f"questions:vqascore:{folder}", questions={"a": []})
    reward = tia2.load_reward(f"questions:{answering}:answer", questions=SETS)
    with pytest.raises(RewardError, match="1 of 2 texts have no questions, the first: 'a blue cat'"):
        reward.score_matrix(IMAGES, ["a red cat", "a blue cat"])
    reward._inner.function.__globals__["ANSWERS"].update({"Is there a cat?": 3.0, "Is the cat red?": 0.0})
    with pytest.raises(RewardError, match="answers with 0 to 3; questions need a reward whose rewards are prob"):
        reward.score_matrix(IMAGES, ["a red cat"])
