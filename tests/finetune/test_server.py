"""The reward server over real HTTP: values as offline, and one sentence for whatever isn't a question."""

import base64
import io
import json
import re
import threading
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from tia2.errors import FinetuneError
from tia2.finetune.server.serve import RewardService, make_server
from tia2.finetune.settings.rewards import EntrySettings
from tia2.rewards import load_reward

pytestmark = pytest.mark.network
PROMPTS = ["two red circles", "a blue square"]


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in PROMPTS]


@pytest.fixture(scope="module")
def server():
    made = make_server(RewardService(EntrySettings(rewards=("mini-strong",), calibration="textnorm")), token="secret")
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


def ask(server, body, content_type="application/json", accept="application/json", token="secret"):
    headers = {"Content-Type": content_type, "Accept": accept, "Authorization": f"Bearer {token}"}
    with urlopen(Request(f"{server}/score", body, headers), timeout=60) as response:
        return response.read()


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_json_and_npz_give_the_values_of_the_offline_entry(server, images):
    from tia2.calibration import calibration_of, contrastive_prompts

    answered = json.loads(ask(server, json.dumps({"prompts": PROMPTS, "images": list(map(png, images))}).encode()))
    buffer = io.BytesIO()
    np.savez(buffer, images=np.stack([np.asarray(image) for image in images]), prompts=np.array(PROMPTS))
    arrays = np.load(io.BytesIO(ask(server, buffer.getvalue(), "application/x-npz", "application/x-npy")))
    reward = load_reward("mini-strong")
    expected = []
    for image, prompt in zip(images, PROMPTS, strict=True):
        rewards = reward.score_matrix([image], [prompt, *contrastive_prompts(prompt)])
        expected.append(float(calibration_of("textnorm").apply_online([rewards], None, [reward.card])[0]))
    np.testing.assert_allclose(answered["values"], expected, atol=1e-6)
    np.testing.assert_allclose(arrays, expected, atol=1e-6)


def test_the_client_of_the_documentation_gets_the_values(server, images):
    """The twenty lines that people copy into another framework."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "finetune.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "remote_reward" in block]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    names = {}
    exec(compile(code, "docs/finetune.md", "exec"), names)
    answered = names["remote_reward"](images, PROMPTS, url=f"{server}/score", token="secret")
    question = json.dumps({"prompts": PROMPTS, "images": list(map(png, images))}).encode()
    assert answered == json.loads(ask(server, question))["values"]


def test_contrastive_prompts_may_come_with_the_question(server, images):
    question = {"prompts": PROMPTS[:1], "images": [png(images[0])], "contrastive": {PROMPTS[0]: ["three red circles"]}}
    value = json.loads(ask(server, json.dumps(question).encode()))["values"][0]
    assert 0 < value < 1


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"{", "application/json", "The body is no JSON."),
        (b"[]", "application/json", "Expected a JSON object"),
        (b'{"prompts": ["a"], "images": []}', "application/json", "0 images and 1 prompts"),
        (b'{"prompts": "a", "images": []}', "application/json", "prompts must be a list of texts"),
        (b'{"prompts": ["a"], "images": ["????"]}', "application/json", "Image 0 is no base64 of an image file."),
        (b"\x80\x04N.", "application/x-npz", "without pickle"),
        (b"x", "text/plain", "Expected a body of application/json or application/x-npz, got text/plain."),
    ],
)
def test_what_is_no_question_gets_one_sentence(server, body, content_type, sentence):
    with pytest.raises(HTTPError) as refused:
        ask(server, body, content_type)
    assert refused.value.code == 400
    assert sentence in json.loads(refused.value.read())["error"]


def test_pickled_arrays_are_never_loaded(server):
    class Harm:
        def __reduce__(self):
            return (print, ("harm",))

    buffer = io.BytesIO()
    np.savez(buffer, images=np.array([Harm()], dtype=object), prompts=np.array(["a"]))
    with pytest.raises(HTTPError) as refused:
        ask(server, buffer.getvalue(), "application/x-npz")
    assert refused.value.code == 400


def test_without_the_token_nothing_is_answered(server):
    with pytest.raises(HTTPError) as refused:
        ask(server, b"{}", token="guess")
    assert refused.value.code == 401


def test_the_network_needs_a_token():
    service = object.__new__(RewardService)
    with pytest.raises(FinetuneError, match="give a --token"):
        make_server(service, host="0.0.0.0")
