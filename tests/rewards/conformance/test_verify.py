"""Published values against a server on this machine: the same, another, and everything that can't be fetched."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import tia2
from tia2.errors import RewardError, UnknownNameError
from tia2.rewards import registry
from tia2.rewards.conformance import published_values as published
from tia2.rewards.conformance import verify
from tia2.rewards.conformance.published_values import EXAMPLES, READ_IN_VAIN, Example, PublishedImage, examples_for
from tia2.rewards.conformance.verify import quantity_of

pytestmark = pytest.mark.network
TEXTS = ("a red circle", "two cyan stars", "a red circle and a yellow star")


class Server:
    """Serves a folder; `answers[path]` is a status to answer with instead."""

    def __init__(self, root):
        self.answers: dict[str, int] = {}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                server.asked.append(self.path)
                status = server.answers.get(self.path, 200)
                if status != 200:
                    self.send_error(status)
                    return
                body = (root / self.path.lstrip("/")).read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture(autouse=True)
def own_caches(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "home"


@pytest.fixture
def images(noise):
    return [noise(seed, size=(60, 40)) for seed in range(2)]


@pytest.fixture
def server(tmp_path, images):
    root = tmp_path / "www"
    root.mkdir()
    for number, image in enumerate(images):
        image.save(root / f"{number}.png")
    (root / "text.png").write_text("no image")
    running = Server(root)
    yield running
    running.stop()


@pytest.fixture
def spec(clip_folder):
    return f"clip:{clip_folder}"


@pytest.fixture
def example(server, spec, images):
    """What the authors of the tiny CLIP might have published."""
    values = tia2.load_reward(spec, device="cpu").score_matrix(images, TEXTS)
    return Example(
        rewards=(spec,),
        images=tuple(PublishedImage(f"{server.url}/{number}.png") for number in range(2)),
        texts=TEXTS,
        expected=tuple(tuple(float(value) for value in row) for row in values),
        quantity="reward",
        tolerance=1e-5,
        source="https://example.org/README.md",
    )


@pytest.fixture
def publish(monkeypatch):
    def put(*examples):
        monkeypatch.setattr(published, "EXAMPLES", examples)
        monkeypatch.setattr(verify, "EXAMPLES", examples)

    return put


def run(*words):
    from tia2.cli import main

    return main(["rewards", "verify", *words])


def test_published_values_are_reproduced(spec, example, publish, server, capsys):
    publish(example)
    result = verify.verify(spec, device="cpu")
    assert result.verified is True
    assert [(row.image, row.text) for row in result.comparisons[:4]] == [
        ("0.png", TEXTS[0]),
        ("0.png", TEXTS[1]),
        ("0.png", TEXTS[2]),
        ("1.png", TEXTS[0]),
    ]
    assert len({row.expected for row in result.comparisons}) == 6
    assert run(spec, "--device", "cpu") == 0
    out = capsys.readouterr().out
    for part in ("published", "got", "difference", "a red circle", f"{example.expected[0][0]:.5g}", "verified"):
        assert part in out
    assert "published by its authors: https://example.org/README.md" in out
    assert max(map(len, out.splitlines()[:8])) <= 80
    assert sorted(server.asked) == ["/0.png", "/1.png"], "the second run takes the images from the cache"


def test_other_values_are_told_and_fail(spec, example, publish, capsys):
    first, second = example.expected
    publish(dataclasses.replace(example, expected=((first[0] + 1e-4, *first[1:]), second)))
    assert run(spec, "--device", "cpu") == 1
    out = capsys.readouterr().out
    assert out.count(" NO") == 1
    assert out.count(" ok") == 5
    assert "NOT the published values" in out
    assert run(spec, "--device", "cpu", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["verified"] is False
    assert [row["within"] for row in told["comparisons"]] == [False] + [True] * 5
    assert told["comparisons"][0]["difference"] == pytest.approx(-1e-4, abs=1e-6)


def test_a_reward_that_is_no_number_is_not_verified(spec, example, publish, monkeypatch, capsys):
    publish(example)

    class Broken:
        def score_matrix(self, images, texts):
            return np.full((len(images), len(texts)), np.nan, dtype=np.float32)

    monkeypatch.setattr(verify, "load_reward", lambda *_, **__: Broken())
    assert run(spec, "--json") == 1
    assert json.loads(capsys.readouterr().out)["comparisons"][0]["got"] is None


@pytest.mark.parametrize("status", [404, 500])
def test_images_that_are_not_there(spec, example, publish, server, capsys, status):
    publish(example)
    server.answers["/1.png"] = status
    assert run(spec, "--device", "cpu") == 3
    out = capsys.readouterr().out
    assert out.startswith(f"not verified: Could not download {server.url}/1.png: the server answered {status}")
    assert out.count("\n") == 1
    server.answers.clear()
    assert run(spec, "--device", "cpu") == 0, "what failed once is not kept"


def test_no_network(spec, example, publish, server, capsys):
    publish(example)
    server.stop()
    assert run(spec, "--device", "cpu") == 3
    assert capsys.readouterr().out.startswith("not verified: no network. Could not download http://127.0.0.1")


def test_weights_that_cannot_be_fetched(example, publish, capsys):
    publish(dataclasses.replace(example, rewards=("clip:nobody/nothing",)))
    assert run("clip:nobody/nothing", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert told["verified"] is None
    assert told["comparisons"] == []
    assert told["obstacle"].startswith("no network. There is no folder 'nobody/nothing', and the Hugging Face Hub")


def test_altered_images_and_files_that_are_no_images(spec, example, publish, server, own_caches, images):
    right = hashlib.sha256((own_caches.parent / "www" / "0.png").read_bytes()).hexdigest()
    known = PublishedImage(f"{server.url}/0.png", right)
    rows = example.expected[:1]
    publish(dataclasses.replace(example, images=(known,), expected=rows))
    assert verify.verify(spec, device="cpu").verified is True
    images[1].save(own_caches.parent / "www" / "0.png")
    for file in own_caches.rglob("0.png"):
        file.write_bytes(b"damaged in the cache")
    result = verify.verify(spec, device="cpu")
    assert result.verified is None
    assert f"is not the published file: expected sha256 {right[:12]}…" in result.obstacle
    publish(dataclasses.replace(example, images=(PublishedImage(f"{server.url}/text.png"),), expected=rows))
    assert "text.png is no image that can be read" in verify.verify(spec, device="cpu").obstacle
    assert not list(own_caches.rglob("text.png"))


def test_wrong_weights_are_an_error_and_not_the_network(clip_copy, example, publish, capsys):
    publish(dataclasses.replace(example, rewards=(f"clip:{clip_copy}",)))
    (clip_copy / "model.safetensors").write_bytes(b"x")
    assert run(f"clip:{clip_copy}") == 1
    assert "can't be read" in capsys.readouterr().err
    with pytest.raises(UnknownNameError):
        verify.verify("clop")
    with pytest.raises(RewardError, match="is a family of rewards"):
        verify.verify("clip")


def test_a_local_copy_is_compared_with_what_it_is_a_copy_of(spec, example, publish, capsys):
    publish(dataclasses.replace(example, rewards=("clip:org/published",)))
    assert run(spec) == 3
    out = capsys.readouterr().out
    assert "no example values are known for" in out
    assert "say of which: clip:org/published." in out
    assert run(spec, "--as", "clip:org/published", "--device", "cpu") == 0
    assert run(spec, "--as", "clop") == 1


def test_families_without_published_values_say_where_they_would_be(capsys):
    assert run("pickscore") == 3
    out = capsys.readouterr().out
    assert out.startswith("not verified: the authors publish no example values (read: https://github.com/yuvalkirstain")
    assert run("paper-pickscore") == 3
    assert run("mini-web") == 3
    assert capsys.readouterr().out.endswith("not verified: the authors publish no example values.\n")


def test_quantities():
    rewards = np.array([[0.25, 0.2, -1.0]], dtype=np.float32)
    base = EXAMPLES[0]
    soft = quantity_of(rewards, dataclasses.replace(base, quantity="softmax over the texts", scale=100.0))
    exact = [math.exp(100 * value) for value in rewards[0].astype(float)]
    np.testing.assert_allclose(soft[0], np.array(exact) / sum(exact), rtol=1e-12)
    sigmoid = quantity_of(rewards, dataclasses.replace(base, quantity="sigmoid", scale=2.0))
    np.testing.assert_allclose(sigmoid[0], [1 / (1 + math.exp(-2 * float(value))) for value in rewards[0]], rtol=1e-12)
    np.testing.assert_array_equal(quantity_of(rewards, base), rewards)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.rewards[0] for example in EXAMPLES])
def test_what_is_recorded_is_whole(example):
    assert len(example.expected) == len(example.images)
    assert all(len(row) == len(example.texts) for row in example.expected)
    assert example.source.startswith("https://")
    assert 0 < example.tolerance <= 0.05
    for image in example.images:
        assert urlsplit(image.url).scheme in ("http", "https")
        assert image.sha256 is None or len(bytes.fromhex(image.sha256)) == 32
        assert image.sha256 or "raw.githubusercontent.com" not in image.url
    families = set(registry.REWARDS.plugins())
    assert {reward.partition(":")[0] for reward in example.rewards} <= families
    if example.quantity == "softmax over the texts":
        assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in example.expected)
    assert all(example in examples_for(reward) for reward in example.rewards)


def test_the_examples_that_the_authors_publish():
    assert [row[0] for row in examples_for("imagereward")[0].expected] == [
        0.5811622738838196,
        0.2745276093482971,
        -1.4131819009780884,
        -2.029569625854492,
    ]
    (readme,) = [example for example in examples_for("paper-clip") if example.by == "its authors"]
    assert readme.texts == ("a diagram", "a dog", "a cat")
    assert readme.expected == ((0.9927937, 0.00421068, 0.00299572),)
    assert set(READ_IN_VAIN) <= set(registry.REWARDS.plugins())
    assert not [family for family in READ_IN_VAIN if examples_for(family)]


def test_images_of_every_mode_can_be_published(spec, example, publish, server, own_caches, images):
    images[0].convert("RGBA").save(own_caches.parent / "www" / "0.png")
    publish(dataclasses.replace(example, images=example.images[:1], expected=example.expected[:1]))
    assert Image.open(own_caches.parent / "www" / "0.png").mode == "RGBA"
    assert verify.verify(spec, device="cpu").verified is True
