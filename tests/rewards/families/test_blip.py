"""BLIP's two heads equal the authors' code on tiny weights, and transformers' own forward."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import tia2
from tia2.errors import RewardError

TEXTS = ["a dog", "a realistic photo of two airplanes", "", "three owls on a fence"]
LONG = "two red airplanes and " * 20


def load(head: str, folder: Path, goldens: Path, **options):
    options = {"tokenizer": goldens / "common" / "bert_tiny_tokenizer", "vision_heads": 4, **options}
    return tia2.load_reward(f"blip-{head}:{folder}", device="cpu", **options)


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "blip_itm" / "expected.json").read_text())


@pytest.fixture(scope="module")
def itm(goldens):
    return load("itm", goldens / "blip_itm", goldens)


@pytest.fixture(scope="module")
def itc(goldens):
    return load("itc", goldens / "blip_itm", goldens)


@pytest.fixture(scope="module")
def hub_layout(goldens, tmp_path_factory):
    """A tiny random BLIP in transformers' layout, with a tokenizer and a preprocessing of its own."""
    from transformers import BlipConfig, BlipForImageTextRetrieval, BlipImageProcessorPil

    folder = tmp_path_factory.mktemp("blip") / "tiny"
    text = {
        "vocab_size": 296, "hidden_size": 48, "encoder_hidden_size": 64, "intermediate_size": 96, "is_decoder": True,
        "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "bos_token_id": 294,
        "sep_token_id": 102, "eos_token_id": 102, "pad_token_id": 0,
    }  # fmt: skip
    vision = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "image_size": 96, "patch_size": 16,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BlipForImageTextRetrieval(BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=32))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    shutil.copy(goldens / "common" / "bert_tiny_tokenizer" / "vocab.txt", folder)
    BlipImageProcessorPil(size={"height": 96, "width": 96}).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_matching_equals_upstream(itm, expected, golden_images, golden_prompts):
    found = itm.score_matrix(golden_images(expected["images"]), golden_prompts).astype(np.float64)
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), expected["itm_prob"], rtol=0, atol=1e-6)
    margins = np.diff(np.array(expected["itm_logits"]))[..., 0]
    np.testing.assert_allclose(found, margins, rtol=0, atol=5e-6)


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_contrast_equals_upstream(itc, expected, golden_images, golden_prompts):
    found = itc.score_matrix(golden_images(expected["images"]), golden_prompts)
    np.testing.assert_allclose(found, expected["itc_cosine"], rtol=0, atol=1e-6)


def reference(folder, goldens, images, texts, **options):
    from transformers import BertTokenizerFast, BlipForImageTextRetrieval, BlipImageProcessorPil

    model = BlipForImageTextRetrieval.from_pretrained(folder).eval()
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    pixels = BlipImageProcessorPil.from_pretrained(folder)(images, return_tensors="pt")["pixel_values"]
    rows = []
    for pixel in pixels:
        row = []
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt")
            with torch.inference_mode():
                given = {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}
                row.append(model(pixel_values=pixel[None], **given, **options).itm_score)
        rows.append(row)
    return rows


def test_both_heads_equal_the_forward_of_transformers(hub_layout, goldens, noise):
    images = [noise(seed, (96, 96)) for seed in range(3)]
    pairs = reference(hub_layout, goldens, images, TEXTS, use_itm_head=True)
    margins = [[float(logits[0, 1] - logits[0, 0]) for logits in row] for row in pairs]
    found = load("itm", hub_layout, goldens, tokenizer=None, vision_heads=None).score_matrix(images, TEXTS)
    np.testing.assert_allclose(found, margins, rtol=0, atol=1e-5)
    cosines = reference(hub_layout, goldens, images, TEXTS, use_itm_head=False)
    found = load("itc", hub_layout, goldens, tokenizer=None, vision_heads=None).score_matrix(images, TEXTS)
    np.testing.assert_allclose(found, [[float(cosine) for cosine in row] for row in cosines], rtol=0, atol=1e-6)


def test_the_preprocessing_is_a_square_of_the_whole_image(hub_layout, goldens, noise):
    reward = load("itm", hub_layout, goldens, tokenizer=None, vision_heads=None)
    assert reward.prepare_image(noise(0, (200, 60))).shape == (96, 96, 3)
    assert "crop" not in reward.card.preprocessing


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_pairs_one_by_one_and_the_matrix_agree(request, head, golden_images, expected):
    reward = request.getfixturevalue(head)
    images = golden_images(expected["images"][:4])
    matrix = reward.score_matrix(images, TEXTS)
    np.testing.assert_allclose(reward.score(images, TEXTS), np.diag(matrix), atol=1e-5)
    single = [[reward.score([image], [text])[0] for text in TEXTS] for image in images]
    np.testing.assert_allclose(matrix, single, atol=1e-5)


def test_keys_and_values_of_an_image_are_computed_once_for_all_texts(itm, golden_images, expected):
    rows = []
    keys = [layer.crossattention.self.key for layer in itm._text.encoder.layer]
    hooks = [key.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[0])) for key in keys]
    itm.score_matrix(golden_images(expected["images"][:2]), [f"{number} cats" for number in range(33)])
    for hook in hooks:
        hook.remove()
    assert rows == [1] * 2 * len(keys)


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_long_texts_are_counted_by_words_and_tokens(request, head, goldens, golden_images, expected):
    reward, images = request.getfixturevalue(head), golden_images(expected["images"][:1])
    many_words = " ".join(["a"] * 31)
    assert reward.overlong(["a dog", many_words, LONG, LONG]) == [many_words, LONG]
    with pytest.warns(UserWarning, match="2 of 3 texts are longer than the 35 tokens"):
        reward.score_matrix(images, ["a dog", many_words, LONG])
    strict = load(head, goldens / "blip_itm", goldens, text_policy="error")
    with pytest.raises(RewardError, match="longer than the 35 tokens"):
        strict.score(images, [LONG])


@pytest.mark.filterwarnings("ignore:.*were cut")
@pytest.mark.parametrize("head", ["itm", "itc"])
def test_exactly_thirty_words_count(request, head, golden_images):
    reward, images = request.getfixturevalue(head), golden_images(["00_square_rgb_256.png"])
    texts = [" ".join(["a"] * 28 + rest) for rest in (["dog"], ["dog", "dog"], ["dog", "dog", "red"])]
    shorter, thirty, longer = reward.score_matrix(images, texts)[0]
    assert thirty == pytest.approx(longer, abs=1e-5)
    assert abs(shorter - thirty) > 1e-4


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("head", ["itm", "itc"])
def test_half_precision_is_near_and_its_heads_are_float32(request, goldens, golden_images, expected, head, dtype):
    full, images = request.getfixturevalue(head), golden_images(expected["images"])
    half = load(head, goldens / "blip_itm", goldens, dtype=dtype)
    np.testing.assert_allclose(half.score_matrix(images, TEXTS), full.score_matrix(images, TEXTS), atol=0.15)
    assert {value.dtype for head in half._heads.values() for value in head.parameters()} == {torch.float32}
    assert half.fingerprint != full.fingerprint


def test_cards_say_which_head(itm, itc):
    assert (itm.card.kind, itm.card.unit, itm.card.default_temperature) == ("cross-encoder", "log odds of a match", 1.0)
    assert (itc.card.kind, itc.card.range) == ("dual encoder", (-1.0, 1.0))
    assert itm.fingerprint != itc.fingerprint
    for head in ("itm", "itc"):
        shown = tia2.rewards.registry.card(f"blip-{head}")
        assert (shown.name, shown.hub_id) == (f"blip-{head}", "Salesforce/blip-itm-base-coco")


def test_wrong_checkpoints_are_named(goldens, tmp_path, hub_layout):
    source = goldens / "blip_itm" / "blip_itm_tiny.pth"
    state = torch.load(source, weights_only=True)["model"]
    del state["itm_head.bias"]
    state["visual_encoder.blocks.0.extra"] = torch.zeros(2)
    torch.save({"model": state}, tmp_path / "changed.pth")
    message = r"1 missing \(itm_head\.bias\); 1 unexpected \(visual_encoder\.blocks\.0\.extra\)"
    with pytest.raises(RewardError, match=message):
        load("itm", tmp_path / "changed.pth", goldens, text_heads=4)
    (tmp_path / "cut.pth").write_bytes(source.read_bytes()[:9000])
    with pytest.raises(RewardError, match=r"cut\.pth (is damaged|can't be read)[^\n]*$"):
        load("itm", tmp_path / "cut.pth", goldens)
    with pytest.raises(RewardError, match=r"holds several checkpoints \(changed\.pth, cut\.pth\): name one"):
        load("itm", tmp_path, goldens)
    with pytest.raises(RewardError, match="revision='main' is for models from the hub"):
        load("itm", source, goldens, revision="main")
    broken = Path(shutil.copytree(hub_layout, tmp_path / "hub"))
    (broken / "vocab.txt").unlink()
    with pytest.raises(RewardError, match=r"is incomplete: vocab\.txt missing"):
        load("itm", broken, goldens, tokenizer=None, vision_heads=None)


def test_a_pretraining_checkpoint_gives_the_same_rewards(goldens, tmp_path, golden_images, expected, itm, itc):
    """Such a file holds a momentum copy, queues, a temperature and a decoder as well."""
    state = torch.load(goldens / "blip_itm" / "blip_itm_tiny.pth", weights_only=True)["model"]
    towers = ("visual_encoder", "text_encoder", "vision_proj", "text_proj")
    copies = {key.replace(key.split(".")[0], key.split(".")[0] + "_m", 1): value for key, value in state.items()}
    state |= {key: value for key, value in copies.items() if key.split("_m.")[0] in towers}
    for name in ("image_queue", "text_queue", "idx_queue", "ptr_queue", "queue_ptr", "temp"):
        state[name] = torch.zeros(1)
    state["text_decoder.bert.embeddings.word_embeddings.weight"] = torch.zeros(296, 48)
    torch.save({"model": state, "epoch": 3}, tmp_path / "model.pth")
    shutil.copy(goldens / "blip_itm" / "med_config.json", tmp_path)
    images = golden_images(expected["images"][:2])
    for head, wanted in (("itm", itm), ("itc", itc)):
        found = load(head, tmp_path, goldens)
        np.testing.assert_array_equal(found.score_matrix(images, TEXTS), wanted.score_matrix(images, TEXTS))
        assert found.name == f"model-{head}"


def test_the_number_of_heads_comes_from_the_configuration_or_is_asked_for(goldens, tmp_path, itm, golden_images):
    shutil.copy(goldens / "blip_itm" / "blip_itm_tiny.pth", tmp_path)
    with pytest.raises(RewardError, match=r"width of 48, which is no multiple .* 64 .*: say .* with text_heads="):
        load("itm", tmp_path, goldens)
    images = golden_images(["00_square_rgb_256.png"])
    four, two = (load("itm", tmp_path, goldens, text_heads=heads).score(images, ["a dog"]) for heads in (4, 2))
    np.testing.assert_array_equal(four, itm.score(images, ["a dog"]))
    assert abs(float(two[0] - four[0])) > 1e-3
    (tmp_path / "med_config.json").write_text("{}")
    with pytest.raises(RewardError, match=r"med_config\.json has num_attention_heads None"):
        load("itm", tmp_path, goldens)
    with pytest.raises(RewardError, match="0 attention heads don't divide a width of 64; set vision_heads="):
        load("itm", goldens / "blip_itm", goldens, vision_heads=0)


def test_fingerprints_depend_on_the_heads_and_not_on_the_place(goldens, tmp_path, itm):
    copy = shutil.copytree(goldens / "blip_itm", tmp_path / "a" / "b")
    assert load("itm", copy, goldens).fingerprint == itm.fingerprint
    words = shutil.copytree(goldens / "common" / "bert_tiny_tokenizer", tmp_path / "zz")
    assert load("itm", copy, goldens, tokenizer=words).fingerprint == itm.fingerprint
    assert load("itm", copy, goldens, vision_heads=2).fingerprint != itm.fingerprint
    (words / "vocab.txt").write_text((words / "vocab.txt").read_text().replace("\ndog\n", "\ncog\n"))
    assert load("itm", copy, goldens, tokenizer=words).fingerprint != itm.fingerprint


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda state: state.pop("visual_encoder.pos_embed"), "has no vision transformer in upstream's layout"),
        (lambda state: state.update({"visual_encoder.pos_embed": torch.zeros(1, 60, 64)}), "has 60 image positions"),
        (lambda state: state.pop("text_encoder.embeddings.position_embeddings.weight"), "has no BERT in upstream's"),
        (lambda state: state.pop("vision_proj.weight"), "is no BLIP for retrieval"),
        (
            lambda state: state.update({"itm_head.bias": torch.zeros(3)}),
            r"1 of another shape \(itm_head\.bias 3, .* 2\)",
        ),
        (
            lambda state: state.update({"text_encoder.embeddings.word_embeddings.weight": torch.zeros(300, 48)}),
            "vocab_size 296 instead of 300",
        ),
    ],
)
def test_other_weights_are_refused(goldens, tmp_path, edit, message):
    copy = shutil.copytree(goldens / "blip_itm", tmp_path / "copy")
    state = torch.load(copy / "blip_itm_tiny.pth", weights_only=True)["model"]
    edit(state)
    torch.save({"model": state}, copy / "blip_itm_tiny.pth")
    with pytest.raises(RewardError, match=message):
        load("itm", copy, goldens)


def test_a_file_that_is_not_there_is_not_looked_for_on_the_hub(goldens):
    with pytest.raises(RewardError, match=r"There is no checkpoint 'none\.pth'"):
        load("itc", Path("none.pth"), goldens)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.json", {"architectures": ["BlipForConditionalGeneration"]}, "no matching head; expected BlipForImage"),
        ("preprocessor_config.json", {"size": {"height": 64, "width": 64}}, r"of size \(64, 64\); .* takes \(96, 96\)"),
        ("preprocessor_config.json", {"size": {"shortest_edge": 96}}, r"of size None; the model takes \(96, 96\)"),
    ],
)
def test_folders_of_another_model_are_refused(hub_layout, goldens, tmp_path, name, change, message):
    folder = Path(shutil.copytree(hub_layout, tmp_path / "copy"))
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | change))
    with pytest.raises(RewardError, match=message):
        load("itm", folder, goldens, tokenizer=None, vision_heads=None)


def test_folders_know_their_heads(hub_layout, goldens):
    with pytest.raises(RewardError, match=r"vision_heads, text_heads: for upstream checkpoints only; .*config\.json"):
        load("itm", hub_layout, goldens, text_heads=4)


def test_weights_that_a_folder_lacks_are_listed(hub_layout, goldens, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(hub_layout, tmp_path / "copy"))
    state = load_file(folder / "model.safetensors")
    del state["itm_head.weight"]
    save_file({**state, "stray": torch.zeros(1)}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RewardError, match=r"1 missing \(itm_head\.weight\); 1 unexpected \(stray\)"):
        load("itc", folder, goldens, tokenizer=None, vision_heads=None)


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_each_image_passes_the_vision_tower_once(request, head, golden_images, expected):
    reward, rows = request.getfixturevalue(head), []
    hook = reward._vision.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    images = golden_images(expected["images"])
    reward.score_matrix(images, [f"{number} cats" for number in range(9)])
    hook.remove()
    assert sum(rows) == len(images)


@pytest.mark.parametrize("head", ["itm", "itc"])
def test_texts_of_every_kind_get_a_finite_reward_that_does_not_depend_on_company(request, head, golden_images):
    reward, images = request.getfixturevalue(head), golden_images(["01_landscape_rgb_333x201.png"])
    texts = [
        "",
        "!!!",
        " ",
        "\u0000",
        "Dog\ud83d",
        "[ENC]",
        "日本の城",
        "👩‍👩‍👧‍👦",
        "x" * 3000,
        "İΣς ﬁ",
        "a\u0301",
        "dog",
    ]
    matrix = reward.score_matrix(images, texts)
    assert np.isfinite(matrix).all()
    np.testing.assert_allclose(matrix[0], [reward.score(images, [text])[0] for text in texts], atol=1e-5)
    np.testing.assert_allclose(matrix[0, :4], matrix[0, 0], atol=1e-6)
    assert matrix[0, 4] == pytest.approx(matrix[0, -1], abs=1e-6)
    assert reward.score_matrix(images, []).shape == (1, 0)


def test_a_clip_is_refused_with_its_family(goldens, clip_folder):
    with pytest.raises(RewardError, match=r"holds a model of type 'clip'; expected 'blip'.*use 'clip:"):
        load("itm", clip_folder, goldens)
