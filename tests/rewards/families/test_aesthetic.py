"""`aesthetic`: the authors' formula on tiny weights, blind to the text, and foreign files."""

from __future__ import annotations

import hashlib
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPModel

import tia2
from tia2.errors import DownloadError, RewardError
from tia2.rewards.families import aesthetic
from tia2.rewards.families.aesthetic import CARD, AestheticReward

transforms = pytest.importorskip("torchvision.transforms")

TEXTS = ["a red circle", "two cyan stars", ""]


def head(width=32, seed=0):
    """The authors' layers with random weights, as their training saved them."""
    layers = torch.nn.Sequential(
        torch.nn.Linear(width, 40),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(40, 12),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(12, 8),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(8, 6),
        torch.nn.Linear(6, 1),
    ).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in layers.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return layers


def save(layers, path):
    torch.save({f"layers.{key}": value for key, value in layers.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save(head(), tmp_path_factory.mktemp("head") / "tiny-head.pth")


@pytest.fixture(scope="module")
def reward(checkpoint, clip_folder):
    return tia2.load_reward(f"aesthetic:{checkpoint}", device="cpu", vision=str(clip_folder))


@pytest.fixture
def images(noise):
    return [noise(seed, size=size) for seed, size in enumerate([(50, 40), (35, 32), (91, 33), (33, 20)])]


def test_equals_the_authors_formula(reward, clip_folder, images):
    transform = transforms.Compose(
        [
            transforms.Resize(32, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(32),
            transforms.ToTensor(),
            transforms.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        ]
    )
    model = CLIPModel.from_pretrained(clip_folder, dtype=torch.float32)
    with torch.inference_mode():
        pixels = torch.stack([transform(image) for image in images])
        features = model.visual_projection(model.vision_model(pixels).pooler_output)
        wanted = head()(features / features.norm(dim=-1, keepdim=True)).numpy()
    found = reward.score_matrix(images, TEXTS)
    np.testing.assert_allclose(found, np.repeat(wanted, len(TEXTS), axis=1), rtol=1e-5, atol=1e-5)
    assert np.ptp(wanted) > 1


def test_the_text_changes_nothing(reward, images):
    matrix = reward.score_matrix(images, TEXTS)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, matrix[:, :1].repeat(len(TEXTS), axis=1))
    long = "word " * 1000
    np.testing.assert_allclose(reward.score(images, [long] * 4), matrix[:, 0], rtol=1e-6)
    with pytest.raises(RewardError, match="Expected texts, got None"):
        reward.score(images[:1], [None])


def test_card_says_that_it_is_a_control(reward):
    for card in (CARD, reward.card):
        assert card.kind == "control"
        assert card.default_temperature is None
        assert "TextNorm refuses" in card.notes
        assert card.text_limit is None
    assert reward.name == "tiny-head"


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batch_size_changes_nothing(checkpoint, clip_folder, images, batch_size):
    wanted = AestheticReward(checkpoint, device="cpu", vision=clip_folder, batch_size=9).score_matrix(images, TEXTS)
    small = AestheticReward(checkpoint, device="cpu", vision=clip_folder, batch_size=batch_size)
    np.testing.assert_allclose(small.score_matrix(images, TEXTS), wanted, rtol=1e-6, atol=1e-5)


def test_the_head_stays_in_float32(checkpoint, clip_folder, images, reward):
    low = AestheticReward(checkpoint, device="cpu", vision=clip_folder, dtype="bf16")
    found, wanted = low.score_matrix(images, TEXTS[:1]), reward.score_matrix(images, TEXTS[:1])
    assert (low.card.dtype, found.dtype) == ("bfloat16", np.float32)
    np.testing.assert_allclose(found, wanted, rtol=0.05, atol=0.3 * np.abs(wanted).max())
    assert low.fingerprint != reward.fingerprint


def test_fingerprint_follows_the_head(tmp_path, checkpoint, clip_folder, reward):
    other = AestheticReward(save(head(seed=1), tmp_path / "tiny-head.pth"), device="cpu", vision=clip_folder)
    assert other.fingerprint != reward.fingerprint
    shutil.copy(checkpoint, tmp_path / "tiny-head.pth")
    same = AestheticReward(tmp_path / "tiny-head.pth", device="cpu", vision=clip_folder, batch_size=1)
    assert same.fingerprint == reward.fingerprint


def test_heads_that_do_not_fit(tmp_path, clip_folder):
    def load(path):
        return AestheticReward(path, device="cpu", vision=clip_folder)

    with pytest.raises(RewardError, match=r"embeddings of 24 numbers; .* gives 32\. The published head goes with"):
        load(save(head(width=24), tmp_path / "narrow.pth"))
    state = {f"layers.{key}": value for key, value in head().state_dict().items()}
    last = state.pop("layers.7.weight")
    torch.save({**state, "layers.9.weight": last}, tmp_path / "other.pth")
    with pytest.raises(RewardError, match=r"1 missing \(layers.7.weight\); 1 unexpected \(layers.9.weight\)"):
        load(tmp_path / "other.pth")
    torch.save({**state, "layers.7.weight": torch.zeros(2, 6), "layers.7.bias": torch.zeros(2)}, tmp_path / "two.pth")
    with pytest.raises(RewardError, match=r"layer 7 has weights of shape \(2, 6\).* a chain that ends in one number"):
        load(tmp_path / "two.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "two.pth").read_bytes()[:200])
    with pytest.raises(RewardError, match=r"^[^\n]*cut\.pth[^\n]*$"):
        load(tmp_path / "cut.pth")
    with pytest.raises(RewardError, match="There is no checkpoint"):
        load(tmp_path / "absent.pth")


@pytest.mark.network
def test_the_published_head_is_fetched_once_and_checked(tmp_path, monkeypatch, checkpoint, clip_folder, reward, images):
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(checkpoint.parent))

        def log_message(self, *_):
            asked.append(self.path)

    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(aesthetic, "HEAD_URL", f"http://127.0.0.1:{server.server_port}/tiny-head.pth")
    with pytest.raises(DownloadError, match=r"is not the published file: expected sha256 21dd590f3ccd…"):
        tia2.load_reward("aesthetic", device="cpu", vision=str(clip_folder))
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    monkeypatch.setattr(aesthetic, "HEAD_SHA256", digest)
    for _ in range(2):
        published = tia2.load_reward("aesthetic", device="cpu", vision=str(clip_folder))
    assert published.name == "aesthetic"
    np.testing.assert_array_equal(published.score(images, TEXTS[:1] * 4), reward.score(images, TEXTS[:1] * 4))
    assert len(asked) == 2
    server.shutdown()
    server.server_close()
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "other-home"))
    with pytest.raises(DownloadError, match=r"^Could not download http://[^\n]*: no connection\.$"):
        tia2.load_reward("aesthetic", device="cpu", vision=str(clip_folder))


def test_images_of_any_mode(reward, noise):
    plain = noise(3, size=(40, 40))
    rgba = plain.convert("RGBA")
    rgba.putalpha(Image.new("L", (40, 40), 7))
    np.testing.assert_array_equal(reward.score([rgba], TEXTS[:1]), reward.score([plain], TEXTS[:1]))
