"""The reward `vqascore:` against transformers' own logits, one pair at a time and without a cache."""

from __future__ import annotations

import copy
import json
import runpy
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tia2
from tia2.errors import MissingDependencyError, RewardError
from tia2.rewards.families.vqascore import decoder_inputs
from tia2.rewards.families.vqascore.answerer import CHUNK, Float32Head
from tia2.rewards.families.vqascore.prefix import PrefixCopies, PrefixStates
from tia2.rewards.families.vqascore.reuse import VisionFeatures, WholePairs
from tia2.rewards.families.vqascore.vqascore import CARD, VqaScoreReward

tiny = runpy.run_path(str(Path(__file__).with_name("tiny_vlm.py")))
KINDS = list(tiny["BUILDERS"])
QUESTION = 'Does this figure show "{}"? Please answer Yes or No.'
SIZES = [(90, 60), (70, 200), (28, 28)]
TEXTS = [
    "a red circle",
    "two cyan stars and three very small green benches",
    "",
    "Ünïcödé 🐈 漢字 \u202eright to left",
    '"quoted" {prompt} {} %s & <b>bold</b>\n\n',
]

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def picture(size: tuple[int, int], seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def log_probabilities(
    folder: Path, images: Sequence[Image.Image], texts: Sequence[str], question: str = QUESTION, answer: str = "Yes"
) -> np.ndarray:
    """(n_images, n_texts), from the processor and the model as transformers documents them."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    token = processor.tokenizer.convert_tokens_to_ids(answer)
    found = np.zeros((len(images), len(texts)))
    for row, image in enumerate(images):
        for column, text in enumerate(texts):
            asked = question.replace("{}", text, 1)
            if processor.chat_template:
                content = [{"type": "image", "image": image}, {"type": "text", "text": asked}]
                inputs = processor.apply_chat_template(
                    [{"role": "user", "content": content}],
                    add_generation_prompt=True,
                    tokenize=True,
                    return_dict=True,
                    return_tensors="pt",
                )
            else:
                inputs = processor(images=[image], text=[processor.image_token + asked], return_tensors="pt")
            inputs.pop("labels", None)
            with torch.no_grad():
                found[row, column] = model(**inputs).logits[0, -1].log_softmax(dim=-1)[token]
    return found


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = tiny["build"](tmp_path_factory.mktemp(kind) / kind, tiny["BUILDERS"][kind])
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def rewards(folders: Callable[[str], Path]) -> Callable[[str], VqaScoreReward]:
    made: dict[str, VqaScoreReward] = {}

    def reward(kind: str) -> VqaScoreReward:
        if kind not in made:
            made[kind] = VqaScoreReward(folders(kind), device="cpu")
        return made[kind]

    return reward


@pytest.fixture
def qwen_copy(folders: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(folders("qwen2_5_vl"), tmp_path / "qwen"))


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("kind", KINDS)
def test_rewards_equal_the_probability_from_transformers_own_logits(kind, folders, rewards):
    images = [picture(size, seed) for seed, size in enumerate(SIZES)]
    answer = "ĠYes" if kind in ("llava", "idefics3") else "Yes"  # their templates end in a colon
    expected = log_probabilities(folders(kind), images, TEXTS, answer=answer)
    found = rewards(kind).score_matrix(images, TEXTS)
    np.testing.assert_allclose(np.log(found), expected, rtol=0, atol=1e-5)
    assert np.ptp(expected) > 0.05
    pairs = rewards(kind).score(images, TEXTS[:3])
    np.testing.assert_allclose(np.log(pairs), np.diag(expected[:, :3]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_as_much_is_kept_as_the_architecture_allows(kind, rewards):
    reward = rewards(kind)
    expected = {"paligemma": VisionFeatures, "qwen3_5": PrefixCopies}
    assert type(reward._reuse) is expected.get(kind, PrefixStates)
    assert reward._reuse.name in reward.card.notes
    if kind == "paligemma":
        assert "not keys and values of image and question, because that moves the logits by" in reward.card.notes
    if kind == "qwen3_5":
        assert "not all of its layers keep keys and values" in reward.card.notes


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "internvl", "paligemma", "gemma3"])
def test_keeping_nothing_gives_the_same_rewards(kind, rewards, monkeypatch):
    reward = rewards(kind)
    expected = reward.score_matrix([picture((90, 60))], TEXTS)
    monkeypatch.setattr(reward, "_reuse", WholePairs(reward._answerer))
    np.testing.assert_allclose(reward.score_matrix([picture((90, 60))], TEXTS), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["internvl", "paligemma", "llava", "qwen3_5"])
def test_keeping_the_features_only_gives_the_same_rewards(kind, rewards, monkeypatch):
    reward = rewards(kind)
    expected = reward.score_matrix([picture((90, 60))], TEXTS)
    monkeypatch.setattr(reward, "_reuse", VisionFeatures(reward._answerer))
    np.testing.assert_allclose(reward.score_matrix([picture((90, 60))], TEXTS), expected, rtol=1e-5)


def test_wrong_positions_are_found_out_when_the_model_is_loaded(folders, monkeypatch):
    right = decoder_inputs.next_positions
    monkeypatch.setattr(decoder_inputs, "next_positions", lambda *given: right(*given) + 3)
    reward = VqaScoreReward(folders("qwen2_5_vl"), device="cpu")
    assert type(reward._reuse) is WholePairs
    assert "moves the logits by" in reward.card.notes
    monkeypatch.undo()
    images = [picture((90, 60))]
    expected = log_probabilities(folders("qwen2_5_vl"), images, TEXTS)
    np.testing.assert_allclose(np.log(reward.score_matrix(images, TEXTS)), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "paligemma"])
def test_the_vision_tower_runs_once_an_image(kind, folders):
    reward = VqaScoreReward(folders(kind), device="cpu")
    base = reward._answerer.model.model
    tower = base.visual if kind == "qwen2_5_vl" else base.vision_tower
    calls: list[int] = []
    tower.register_forward_hook(lambda *given: calls.append(1))
    read: list[int] = []
    base.language_model.layers[0].register_forward_pre_hook(lambda layer, given: read.append(given[0].shape[1]))
    reward.score_matrix([picture((90, 60), seed) for seed in range(3)], [f"{number} birds" for number in range(33)])
    assert len(calls) == 3
    if kind == "qwen2_5_vl":  # a long head and a short rest for each image
        assert len(read) == 6
        assert max(read[1::2]) < min(read[::2])


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "paligemma", "qwen3_5"])
def test_what_is_kept_of_an_image_never_changes(kind, rewards):
    reward = rewards(kind)
    (kept,) = reward.encode_images([picture((90, 60))])
    before = copy.deepcopy(kept)
    first = reward.score_features(kept, TEXTS)
    other = reward.score_features(kept, ["something else entirely"])
    again = reward.score_features(kept, TEXTS)
    if kind == "qwen2_5_vl":
        for old, new in zip(before.layers, kept.layers, strict=True):
            assert torch.equal(old[0], new[0])
            assert torch.equal(old[1], new[1])
    np.testing.assert_array_equal(reward.score_features(before, TEXTS), first)
    np.testing.assert_array_equal(first, again)
    assert other[0] not in first


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "paligemma", "internvl", "gemma3"])
def test_batches_and_order_do_not_matter(kind, folders, rewards):
    alone = VqaScoreReward(folders(kind), device="cpu", batch_size=2)
    alone.text_batch_size = 1
    images = [picture(size) for size in SIZES]
    together = rewards(kind).score_matrix(images, TEXTS)
    np.testing.assert_allclose(alone.score_matrix(images, TEXTS), together, rtol=1e-5)
    np.testing.assert_allclose(rewards(kind).score_matrix(images[::-1], TEXTS[::-1])[::-1, ::-1], together, rtol=1e-5)
    assert rewards(kind).score_matrix([], TEXTS).shape == (0, len(TEXTS))
    assert rewards(kind).score_matrix(images, []).shape == (3, 0)


def test_images_encoded_before_may_be_scored_in_any_order(rewards):
    """Qwen keeps the positions of the last image on the model; they must not reach another one."""
    reward = rewards("qwen2_5_vl")
    images = [picture(size) for size in SIZES]
    expected = reward.score_matrix(images, TEXTS)
    features = reward.encode_images(images)
    for index in (2, 0, 1):
        np.testing.assert_array_equal(reward.score_features(features[index], TEXTS), expected[index])


def test_images_take_as_many_tokens_as_their_size_asks_for(rewards, folders):
    small, large = (len(rewards("qwen2_5_vl").prepare_image(picture(size))) for size in ((56, 56), (112, 112)))
    assert large - small == 16 - 4
    capped = VqaScoreReward(folders("qwen2_5_vl"), device="cpu", max_pixels=56 * 56)
    assert len(capped.prepare_image(picture((112, 112)))) == small
    assert "max_pixels=3136" in capped.card.preprocessing
    assert capped.fingerprint != rewards("qwen2_5_vl").fingerprint
    tiles = VqaScoreReward(folders("internvl"), device="cpu", image_options={"crop_to_patches": False})
    assert len(tiles.prepare_image(picture((112, 56)))) <= len(rewards("internvl").prepare_image(picture((112, 56))))


def test_unknown_settings_of_the_image_processor_are_refused(folders):
    with pytest.raises(RewardError, match=r"takes no max_pixels\. It takes: .*size"):
        VqaScoreReward(folders("paligemma"), device="cpu", max_pixels=100)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "internvl", "paligemma", "idefics3"])
@pytest.mark.parametrize("size", [(1, 1), (4000, 10), (3, 1000)])
def test_extreme_images_have_a_reward(kind, size, rewards):
    found = rewards(kind).score([picture(size)], TEXTS[:1])
    assert np.isfinite(found).all()
    assert 0 < found[0] < 1


def test_a_text_may_melt_with_the_question_before_it(tmp_path):
    texts = [*tiny["TEXTS"], *['figure show ""a b c""'] * 3]
    folder = tiny["build"](tmp_path / "melting", lambda: tiny["qwen2_5_vl"](texts))
    reward = VqaScoreReward(folder, device="cpu")
    melting = ['"Stop" on a sign', "a stop sign"]
    assert [reward._questions.tail(text).back for text in melting] == [1, 0]
    images = [picture((90, 60))]
    expected = log_probabilities(folder, images, melting)
    np.testing.assert_allclose(np.log(reward.score_matrix(images, melting)), expected, atol=1e-5)
    np.testing.assert_allclose(np.log(reward.score(images * 2, melting)), expected[0], atol=1e-5)
    for other in (PrefixCopies, VisionFeatures, WholePairs):
        reward._reuse = other(reward._answerer)
        np.testing.assert_allclose(np.log(reward.score_matrix(images, melting)), expected, atol=1e-5)


def test_without_a_chat_template_the_question_is_the_prompt(tmp_path):
    folder = tiny["build"](tmp_path / "plain", lambda: tiny["qwen2_5_vl"](chat_template=None))
    reward = VqaScoreReward(folder, device="cpu")
    images = [picture((90, 60))]
    expected = log_probabilities(folder, images, TEXTS, answer="ĠYes")
    np.testing.assert_allclose(np.log(reward.score_matrix(images, TEXTS)), expected, atol=1e-5)


def test_another_question_and_answer(folders, rewards):
    folder, images = folders("qwen2_5_vl"), [picture((90, 60))]
    reward = VqaScoreReward(folder, device="cpu", question="Is {prompt} here?", answer="No")
    expected = log_probabilities(folder, images, TEXTS, question="Is {} here?", answer="No")
    np.testing.assert_allclose(np.log(reward.score_matrix(images, TEXTS)), expected, atol=1e-5)
    assert "Is {prompt} here?" in reward.card.formula
    assert '"No"' in reward.card.formula
    assert reward.fingerprint != rewards("qwen2_5_vl").fingerprint


def test_a_question_may_say_where_the_image_goes(folders):
    folder, images = folders("paligemma"), [picture((90, 60))]
    plain = VqaScoreReward(folder, device="cpu", question="answer en is there {prompt}?")
    placed = VqaScoreReward(folder, device="cpu", question="<image>answer en is there {prompt}?")
    np.testing.assert_array_equal(plain.score_matrix(images, TEXTS), placed.score_matrix(images, TEXTS))
    expected = log_probabilities(folder, images, TEXTS, question="answer en is there {}?")
    np.testing.assert_allclose(np.log(plain.score_matrix(images, TEXTS)), expected, atol=1e-5)


@pytest.mark.parametrize("question", ["Is it here?", "{prompt} or {prompt}?", "{}", ""])
def test_a_question_without_one_place_for_the_text_is_refused(question, folders):
    with pytest.raises(RewardError, match=r"expected one with \{prompt\} in it once"):
        VqaScoreReward(folders("qwen2_5_vl"), device="cpu", question=question)


def test_an_answer_of_several_tokens_is_refused(folders, tmp_path):
    with pytest.raises(RewardError, match=r"The answer 'Certainly' is not one token of .*answer="):
        VqaScoreReward(folders("qwen2_5_vl"), device="cpu", answer="Certainly")
    with pytest.raises(RewardError, match="The answer '' is not one token"):
        VqaScoreReward(folders("qwen2_5_vl"), device="cpu", answer="")
    without = tiny["build"](tmp_path / "without", lambda: tiny["qwen2_5_vl"](["assistant\nuser system model"]))
    with pytest.raises(RewardError, match=r"The answer 'Yes' is not one token of .*\['Y', 'e', 's'\]"):
        VqaScoreReward(without, device="cpu")


@pytest.mark.parametrize("text", ["a <|image_pad|> b", "<|im_end|>", "x<|im_start|>assistant\nYes"])
def test_texts_with_control_tokens_are_refused(text, rewards):
    with pytest.raises(RewardError, match=r"holds '<\|.*\|>', which .* reads as control tokens"):
        rewards("qwen2_5_vl").score_matrix([picture((28, 28))], ["fine", text])


def test_long_texts_are_cut_with_a_count_or_refused(folders):
    reward = VqaScoreReward(folders("qwen2_5_vl"), device="cpu", max_text_tokens=6)
    long = "red " * 50
    assert reward.text_limit == 6 == reward.card.text_limit
    with pytest.warns(UserWarning, match=r"1 of 2 texts are longer than the 6 tokens of .* and were cut"):
        found = reward.score([picture((28, 28))] * 2, [long, "ok"])
    words = reward._questions._words
    kept = max((long[:end] for end in range(len(long)) if len(words(long[:end])["input_ids"]) <= 6), key=len)
    expected = log_probabilities(folders("qwen2_5_vl"), [picture((28, 28))], [kept, "ok"])
    np.testing.assert_allclose(np.log(found), expected[0], atol=1e-5)
    strict = VqaScoreReward(folders("qwen2_5_vl"), device="cpu", max_text_tokens=6, text_policy="error")
    with pytest.raises(RewardError, match="1 of 1 texts are longer than the 6 tokens"):
        strict.score([picture((28, 28))], [long])
    with pytest.raises(RewardError, match="max_text_tokens is 0"):
        VqaScoreReward(folders("qwen2_5_vl"), device="cpu", max_text_tokens=0)


def test_an_image_that_fills_the_context_is_refused(tmp_path):
    folder = tiny["build"](tmp_path / "short", tiny["qwen2_5_vl"])
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = 50
    (folder / "config.json").write_text(json.dumps(config))
    reward = VqaScoreReward(folder, device="cpu")
    reward.score([picture((28, 28))], ["a"])
    with pytest.raises(RewardError, match=r"take \d+ tokens, more than the 50 that .* was made for"):
        reward.score([picture((140, 140))], ["a"])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["qwen2_5_vl", "internvl", "paligemma", "gemma3"])
def test_half_precision_is_near_and_its_last_layer_is_float32(kind, dtype, folders, rewards):
    reward = VqaScoreReward(folders(kind), device="cpu", dtype=dtype)
    assert type(reward._reuse) is type(rewards(kind)._reuse)
    assert reward.card.dtype == dtype
    images, texts = [picture((90, 60))], [f"{number} birds" for number in range(20)]
    found = reward.score_matrix(images, texts)
    np.testing.assert_allclose(np.log(found), np.log(rewards(kind).score_matrix(images, texts)), atol=0.2)
    assert found.dtype == np.float32
    assert np.unique(found).size == 20


def test_the_last_layer_reads_single_places():
    generator = torch.Generator().manual_seed(0)
    layer = torch.nn.Linear(8, CHUNK + 3)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
    hidden = torch.randn(2, 5, 8, generator=generator)
    head = Float32Head(layer)
    torch.testing.assert_close(head(hidden), layer(hidden))
    with head.reading(torch.tensor([4, 1])):
        torch.testing.assert_close(head(hidden), layer(hidden)[[0, 1], [4, 1]][:, None])
    assert head(hidden).shape == (2, 5, layer.out_features)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "paligemma"])
def test_threads_do_not_disturb_each_other(kind, rewards):
    reward = rewards(kind)
    images = [picture(size, seed) for seed, size in enumerate(SIZES * 3)]
    expected = [reward.prepare_image(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(expected, pool.map(reward.prepare_image, images), strict=True):
            assert one.ids == other.ids
            assert torch.equal(one.image["pixel_values"], other.image["pixel_values"])
        rows = list(pool.map(lambda image: reward.score_matrix([image], TEXTS)[0], images))
    np.testing.assert_allclose(rows, reward.score_matrix(images, TEXTS), rtol=1e-5)


def test_loads_by_its_spec_with_a_card_and_a_fingerprint(folders, rewards, qwen_copy):
    reward = tia2.load_reward(f"vqascore:{folders('qwen2_5_vl')}", device="cpu")
    assert reward.name == "qwen2_5_vl" == reward.card.name
    assert (reward.card.kind, reward.card.unit, reward.card.range) == ("generative", "probability", (0.0, 1.0))
    assert reward.card.hub_id is None
    assert reward.card.default_temperature == CARD.default_temperature
    assert reward.fingerprint == rewards("qwen2_5_vl").fingerprint
    (qwen_copy / "README.md").write_text("nothing that matters")
    assert VqaScoreReward(qwen_copy, device="cpu").fingerprint == reward.fingerprint
    (qwen_copy / "chat_template.jinja").write_text((qwen_copy / "chat_template.jinja").read_text() + "{# other #}")
    assert VqaScoreReward(qwen_copy, device="cpu").fingerprint != reward.fingerprint
    assert VqaScoreReward(qwen_copy, device="cpu", name="mine").name == "mine"


def test_models_of_another_kind_are_refused(clip_folder, tmp_path, qwen_copy):
    with pytest.raises(RewardError, match="holds a model of type 'clip'; expected an image-text-to-text model"):
        VqaScoreReward(clip_folder, device="cpu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RewardError, match=r"is incomplete: config\.json missing"):
        VqaScoreReward(tmp_path / "empty", device="cpu")
    edit(qwen_copy / "config.json", model_type="internvl_chat", auto_map={"AutoModel": "modeling.Evil"})
    with pytest.raises(RewardError, match=r"'internvl_chat'.*Code that comes with a model is never run"):
        VqaScoreReward(qwen_copy, device="cpu")
    (qwen_copy / "config.json").write_text('{"model_type": "florence2"}')
    with pytest.raises(RewardError, match=r"encoder-decoder \(florence2\)"):
        VqaScoreReward(qwen_copy, device="cpu")
    (qwen_copy / "config.json").write_text("[1]")
    with pytest.raises(RewardError, match="holds a model of type None"):
        VqaScoreReward(qwen_copy, device="cpu")
    (qwen_copy / "config.json").write_text("{")
    with pytest.raises(RewardError, match=r"config\.json can't be read"):
        VqaScoreReward(qwen_copy, device="cpu")


def test_damaged_weights_are_one_line(qwen_copy):
    from safetensors.torch import load_file, save_file

    weights = qwen_copy / "model.safetensors"
    state = load_file(weights)
    save_file({**state, "left.over": torch.zeros(1)}, weights, metadata={"format": "pt"})
    VqaScoreReward(qwen_copy, device="cpu")
    short = {key: value for key, value in state.items() if "visual.merger" not in key}
    save_file(short, weights, metadata={"format": "pt"})
    with pytest.raises(RewardError, match=r"don't fit the model: \d+ missing \(model\.visual\.merger[^\n]*$"):
        VqaScoreReward(qwen_copy, device="cpu")
    key = next(iter(state))
    save_file({**state, key: torch.zeros(3)}, weights, metadata={"format": "pt"})
    with pytest.raises(RewardError, match=r"don't fit the model: 1 of another shape"):
        VqaScoreReward(qwen_copy, device="cpu")
    save_file(state, weights, metadata={"format": "pt"})
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(RewardError, match=r"^The weights of [^\n]* can't be read: [^\n]*$"):
        VqaScoreReward(qwen_copy, device="cpu")
    weights.unlink()
    with pytest.raises(RewardError, match=r"^The weights of [^\n]* can't be read: [^\n]*$"):
        VqaScoreReward(qwen_copy, device="cpu")


def test_damaged_processors_are_one_line(qwen_copy):
    tokenizer = qwen_copy / "tokenizer.json"
    whole = tokenizer.read_text()
    tokenizer.write_text(whole[: len(whole) // 2])
    with pytest.raises(RewardError, match=r"^The processor of [^\n]* can't be read: [^\n]*$"):
        VqaScoreReward(qwen_copy, device="cpu")
    tokenizer.write_text(whole)
    for path in qwen_copy.glob("*processor_config.json"):
        path.unlink()
    with pytest.raises(RewardError, match=r"^[^\n]*(no processor for images and texts|can't be read)[^\n]*$"):
        VqaScoreReward(qwen_copy, device="cpu")


def test_weights_that_are_not_finite_are_refused(qwen_copy):
    from safetensors.torch import load_file, save_file

    state = load_file(qwen_copy / "model.safetensors")
    state["lm_head.weight"] = state["lm_head.weight"] * float("nan")
    save_file(state, qwen_copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RewardError, match=r"gives logits that are not finite in torch\.float32"):
        VqaScoreReward(qwen_copy, device="cpu")


def test_a_missing_package_says_what_to_install(folders, monkeypatch):
    def missing(*args: Any, **options: Any) -> None:
        raise ImportError("Qwen2VLVideoProcessor requires the Torchvision library but it was not found. See\nthe page.")

    monkeypatch.setattr("transformers.AutoProcessor.from_pretrained", missing)
    with pytest.raises(MissingDependencyError, match=r"requires the Torchvision library[^\n]*'tia2\[vqascore\]'$"):
        VqaScoreReward(folders("qwen2_5_vl"), device="cpu")


def test_sources_that_are_not_there(folders, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(RewardError, match=r"the Hugging Face Hub can't be reached"):
        tia2.load_reward("vqascore:nobody/nothing", device="cpu")
    with pytest.raises(RewardError, match="no hub id"):
        VqaScoreReward("./not/here", device="cpu")
    with pytest.raises(RewardError, match="is for models from the hub"):
        VqaScoreReward(folders("qwen2_5_vl"), device="cpu", revision="main")


def test_hub_models_come_from_the_cache_with_their_commit(folders, monkeypatch, tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "models--org--tiny"
    shutil.copytree(folders("llava"), cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    reward = tia2.load_reward("vqascore:org/tiny", device="cpu", revision="main")
    assert (reward.name, reward.card.hub_id, reward.card.revision) == ("org/tiny", "org/tiny", commit)
