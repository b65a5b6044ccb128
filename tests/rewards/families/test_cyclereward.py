"""CycleReward equals the authors' code on tiny weights, runs the image part once, and refuses other checkpoints."""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import tia2
from tia2.errors import DownloadError, RewardError
from tia2.rewards import registry
from tia2.rewards.loading.web import fetch_large

RGB = ("00_square_rgb_256.png", "01_landscape_rgb_333x201.png", "04_gray_300.png", "06_zoneplate_rgb_512.png")
"""The files that upstream code, which resizes before it converts, scores as it does their RGB versions."""


def load(source: Path, goldens: Path, **options):
    tokenizer = options.pop("tokenizer", goldens / "common" / "bert_tiny_tokenizer")
    return tia2.load_reward(f"cyclereward:{source}", device="cpu", tokenizer=tokenizer, vision_heads=4, **options)


@pytest.fixture(scope="module")
def expected(goldens):
    return json.loads((goldens / "cyclereward" / "expected.json").read_text())


@pytest.fixture(scope="module")
def reward(goldens):
    return load(goldens / "cyclereward", goldens)


@pytest.fixture
def damaged(goldens, tmp_path):
    """A copy of the checkpoint that a test may change."""
    return Path(shutil.copytree(goldens / "cyclereward", tmp_path / "copy"))


@pytest.mark.filterwarnings("ignore:.*were cut")
def test_equals_upstream(reward, expected, golden_images, golden_prompts):
    rows = [expected["images"].index(name) for name in RGB]
    matrix = reward.score_matrix(golden_images(RGB), golden_prompts)
    np.testing.assert_allclose(matrix, np.array(expected["score_matrix"])[rows], rtol=0, atol=1e-5)
    pairs = reward.score(golden_images(RGB), golden_prompts[:4])
    np.testing.assert_allclose(pairs, np.diag(matrix[:, :4]), atol=1e-5)


def test_tokens_equal_upstreams_up_to_128(reward, expected, golden_prompts):
    for text, wanted in zip(golden_prompts, expected["tokens"].values(), strict=True):
        assert reward._tokens.ids([text]) == [wanted["input_ids"]]
    assert reward.text_limit == 128
    assert reward.overlong(golden_prompts) == [golden_prompts[3]]


def test_the_image_part_runs_once_for_all_texts(reward, golden_images):
    rows = []
    keys = [layer.crossattention.self.key for layer in reward._text.encoder.layer]
    hooks = [key.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[0])) for key in keys]
    reward.score_matrix(golden_images(RGB[:2]), [f"{number} cats" for number in range(33)])
    for hook in hooks:
        hook.remove()
    assert rows == [1] * 2 * len(keys)


def test_half_precision_is_near_and_its_head_is_float32(reward, goldens, golden_images):
    half = load(goldens / "cyclereward", goldens, dtype="bfloat16")
    texts = ["a dog", "two airplanes"]
    np.testing.assert_allclose(
        half.score_matrix(golden_images(RGB), texts), reward.score_matrix(golden_images(RGB), texts), atol=0.3
    )
    assert {parameter.dtype for parameter in half._head.parameters()} == {torch.float32}


def test_card_and_fingerprint(reward, goldens):
    card = reward.card
    assert (card.name, card.kind, card.text_limit) == ("CycleReward-Combo", "cross-encoder", 128)
    assert load(goldens / "cyclereward" / "CycleReward-Combo.pth", goldens).fingerprint == reward.fingerprint
    assert registry.card("cyclereward:t2i").name == "cyclereward-t2i"
    with pytest.raises(RewardError, match="'cyclereward' is a family of rewards"):
        registry.card("cyclereward")


def test_the_checkpoint_of_imagereward_is_named(goldens, damaged):
    shutil.copy(goldens / "imagereward" / "ImageReward.pt", damaged / "CycleReward-Combo.pth")
    shutil.copy(goldens / "imagereward" / "med_config.json", damaged)
    with pytest.raises(RewardError, match=r"is no CycleReward: expected mlp\.layers.* use imagereward:PATH\.$"):
        load(damaged, goldens)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda state: state.pop("mlp.layers.6.bias"), r"1 missing \(mlp\.layers\.6\.bias\)"),
        (lambda state: state.update({"mlp.layers.8.bias": torch.zeros(3)}), r"mlp\.layers\.8\.bias 3, expected 1"),
        (lambda state: state.update(extra=torch.zeros(1)), r"1 unexpected \(extra\)"),
    ],
)
def test_other_weights_are_named(damaged, goldens, edit, message):
    path = damaged / "CycleReward-Combo.pth"
    state = torch.load(path, weights_only=True)
    edit(state)
    torch.save(state, path)
    with pytest.raises(RewardError, match=message):
        load(damaged, goldens)


def test_missing_files_and_unknown_variants_are_one_line(damaged, goldens):
    (damaged / "CycleReward-Combo.pth").unlink()
    with pytest.raises(RewardError, match=r"is incomplete: CycleReward-Combo\.pth missing\.$"):
        load(damaged, goldens)
    with pytest.raises(RewardError, match=r"There is no folder or checkpoint 'nowhere'; .* combo, t2i, i2t"):
        load(Path("nowhere"), goldens)
    with pytest.raises(RewardError, match=r"revision='main' is for models from the hub; cyclereward:i2t is release v1"):
        load(Path("i2t"), goldens, revision="main")


def test_too_few_text_positions_are_refused(damaged, goldens):
    path = damaged / "CycleReward-Combo.pth"
    state = torch.load(path, weights_only=True)
    key = "blip.text_encoder.embeddings.position_embeddings.weight"
    state[key] = state[key][:100].clone()
    torch.save(state, path)
    config = json.loads((damaged / "med_config.json").read_text())
    (damaged / "med_config.json").write_text(json.dumps({**config, "max_position_embeddings": 100}))
    with pytest.raises(RewardError, match="has 100 text positions; CycleReward reads 128 tokens"):
        load(damaged, goldens)


@pytest.fixture
def server(goldens):
    """A web server with the files of the goldens that answers /short with too few bytes."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, directory=str(goldens / "cyclereward"), **options)

        def do_GET(self):
            if self.path != "/short":
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x" * 10)

        def log_message(self, *arguments):
            del arguments

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_released_variants_are_downloaded_once(goldens, server, monkeypatch, tmp_path, reward):
    monkeypatch.setattr("tia2.rewards.loading.web.cache_dir", lambda: tmp_path)
    monkeypatch.setattr("tia2.rewards.families.blip.cyclereward.RELEASE", server)
    fetched = load(Path("Combo"), goldens)
    assert (fetched.name, fetched.fingerprint) == ("cyclereward-combo", reward.fingerprint)
    assert fetched.card.weights == f"{server}/CycleReward-Combo.pth"
    monkeypatch.setattr("requests.get", None)
    assert load(Path("combo"), goldens).fingerprint == reward.fingerprint


def test_a_download_that_is_not_there_or_cut_off_leaves_nothing(goldens, server, monkeypatch, tmp_path):
    monkeypatch.setattr("tia2.rewards.loading.web.cache_dir", lambda: tmp_path)
    monkeypatch.setattr("tia2.rewards.families.blip.cyclereward.RELEASE", server)
    with pytest.raises(RewardError, match=r"CycleReward-I2T\.pth: the server answered 404 .* cyclereward:FOLDER\.$"):
        load(Path("i2t"), goldens)
    with pytest.raises(DownloadError, match=r"the connection was cut off|10 of 100 bytes came"):
        fetch_large(f"{server}/short")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
