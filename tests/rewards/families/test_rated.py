"""`rated:` gives the expectation over the numbers that transformers' own logits give."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tia2
from tia2.errors import RewardError
from tia2.rewards.families.vqascore.rating_questions import RATING_QUESTIONS

tiny = runpy.run_path(str(Path(__file__).parent / "tiny_vlm.py"))

TEXTS = ["a red circle", "two dogs on a green bench by the sea", ""]


def picture(size: tuple[int, int], seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


IMAGES = [picture((90, 60)), picture((56, 84), 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny["build"](tmp_path_factory.mktemp("rated") / "tiny", tiny["qwen2_5_vl"])


@pytest.fixture(scope="module")
def llava(tmp_path_factory):
    return tiny["build"](tmp_path_factory.mktemp("llava") / "tiny", tiny["llava"])


def expectation(folder: Path, question: str, beginning: str, numbers: list[str]) -> np.ndarray:
    """(n_images, n_texts), from processor and model as transformers documents them."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    ids = processor.tokenizer.convert_tokens_to_ids(numbers)
    rows = np.zeros((len(IMAGES), len(TEXTS)))
    for row, image in enumerate(IMAGES):
        for column, text in enumerate(TEXTS):
            content = [{"type": "image"}, {"type": "text", "text": question.replace("{prompt}", text)}]
            message = [{"role": "user", "content": content}]
            prompt = processor.apply_chat_template(message, add_generation_prompt=True) + beginning
            inputs = processor(images=[image], text=[prompt], return_tensors="pt")
            with torch.no_grad():
                chances = model(**inputs).logits[0, -1].double().softmax(dim=-1)[ids]
            values = [float(number.strip("Ġ")) for number in numbers]
            rows[row, column] = float((chances * torch.tensor(values).double()).sum() / chances.sum())
    return rows


@pytest.mark.parametrize("name", list(RATING_QUESTIONS))
def test_equals_transformers_own_logits(folder, name):
    reward = tia2.load_reward(f"rated:{folder}", device="cpu", question=name)
    question = RATING_QUESTIONS[name]
    beginning = reward._questions.beginning
    assert beginning in question.beginning
    wanted = expectation(folder, question.text, beginning, ["1", "2", "3", "4", "5"])
    found = reward.score_matrix(IMAGES, TEXTS)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    assert np.ptp(wanted) > 1e-3
    assert reward.card.question == name


def test_own_questions_and_numbers(folder):
    question = 'Out of 9, how much of "{prompt}" is there?'
    reward = tia2.load_reward(f"rated:{folder}", device="cpu", question=question, numbers="0,5,9")
    wanted = expectation(folder, question, reward._questions.beginning, ["0", "5", "9"])
    np.testing.assert_allclose(reward.score_matrix(IMAGES, TEXTS), wanted, rtol=0, atol=2e-5)
    assert (reward.card.range, reward.card.default_temperature) == ((0.0, 9.0), pytest.approx(0.9))
    assert reward.card.question == "own"
    assert reward.fingerprint != tia2.load_reward(f"rated:{folder}", device="cpu", question=question).fingerprint


def test_the_image_is_read_once(folder):
    reward = tia2.load_reward(f"rated:{folder}", device="cpu")
    calls: list[int] = []
    reward._answerer.model.model.visual.register_forward_hook(lambda *given: calls.append(1))
    reward.score_matrix(IMAGES, [f"{number} cats" for number in range(20)])
    assert len(calls) == 2
    assert "keys and values of image and question" in reward.card.notes


def test_half_precision_gives_hardly_any_ties(folder):
    half = tia2.load_reward(f"rated:{folder}", device="cpu", dtype="bfloat16")
    found = half.score_matrix(IMAGES[:1], [f"{number} birds" for number in range(20)])
    assert np.unique(found).size == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"question": "alignment-v0"}, r"alignment-v0.*alignment-v1.*Or a question of your own with \{prompt\} in it"),
        ({"question": "{prompt} or {prompt}"}, r"expected one with \{prompt\} in it once"),
        ({"numbers": "8-11"}, r"The answer .*10.* is not one token"),
        ({"numbers": [3]}, "expected two or more different ones"),
        ({"numbers": "3,3"}, "expected two or more different ones"),
        ({"numbers": "one"}, 'expected a list of whole numbers, or a text such as "1-5"'),
        ({"numbers": 5}, "expected a list of whole numbers"),
    ],
)
def test_wrong_options_are_one_line(folder, options, message):
    with pytest.raises(RewardError, match=message) as caught:
        tia2.load_reward(f"rated:{folder}", device="cpu", **options)
    assert "\n" not in str(caught.value)
