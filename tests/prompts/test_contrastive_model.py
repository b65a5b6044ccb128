"""A language model behind an endpoint that misbehaves in every way a real one does."""

from __future__ import annotations

import json
import socket
import time

import pytest

from tia2.errors import PromptError
from tia2.prompts.writer.clients import Endpoint as Client
from tia2.prompts.writer.template import load_template
from tia2.prompts.writer.writer import Writer

pytestmark = pytest.mark.network


def writer(endpoint, cache, number=3, **options) -> Writer:
    timeout = options.pop("timeout", 10.0)
    url = options.pop("url", None) or endpoint.url
    client = Client("tiny-llm", url, timeout=timeout, **options.pop("client", {}))
    return Writer(client, load_template(), number, cache, **{"attempts": 3, "first_wait": 0.01, **options})


def answer(*texts: str) -> str:
    return json.dumps({"contrastive_prompts": list(texts)})


PARAPHRASES = answer("A cat is on the mat.", "a cat on a mat", "cat on mat")
MISBEHAVIOUR = {
    "bad JSON": "Sure, here are some prompts!",
    "half an answer": '{"contrastive_prompts": ["two c',
    "wrong form": '{"contrastive_prompts": {"1": "two cats"}}',
    "paraphrases": PARAPHRASES,
    "duplicates": answer("two cats", "Two cats.", "TWO  CATS"),
    "too few": answer("two cats on a mat"),
    "none": answer(),
    "empty text": " ",
    "no content": "null",
    "not even JSON": "not http json",
    "no choices": "no choices",
    "internal error": "500",
    "overloaded": "503",
    "rate limit": "429 after 0",
}


@pytest.mark.parametrize("step", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
def test_one_misbehaviour_is_made_good_by_asking_again(endpoint, tmp_path, step):
    endpoint.plan = [step]
    written = writer(endpoint, tmp_path).write("a cat on a mat")
    assert len(set(written.contrastive_prompts)) == 3
    assert written.attempts == 2
    assert len(endpoint.questions) == 2


@pytest.mark.parametrize("step", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
def test_lasting_misbehaviour_is_one_line_that_names_the_prompt(endpoint, tmp_path, step):
    if step == MISBEHAVIOUR["too few"]:
        step = PARAPHRASES
    endpoint.stubborn = {"a cat on a mat": step}
    with pytest.raises(PromptError) as caught:
        writer(endpoint, tmp_path).write("a cat on a mat")
    line = str(caught.value)
    assert line.startswith("No contrastive prompts for 'a cat on a mat': ")
    assert line.endswith(", after 3 attempts.")
    assert "\n" not in line
    assert len(endpoint.questions) == 3
    assert list(tmp_path.iterdir()) == []


def test_the_line_says_what_failed(endpoint, tmp_path):
    lines = {}
    for name, step in MISBEHAVIOUR.items():
        endpoint.stubborn = {"a cat on a mat": step}
        with pytest.raises(PromptError) as caught:
            writer(endpoint, tmp_path, number=4, attempts=1).write("a cat on a mat")
        lines[name] = str(caught.value)
    assert "the answer is not JSON of the form" in lines["bad JSON"]
    assert "'Sure, here are some prompts!'" in lines["bad JSON"]
    assert "0 of 4 usable contrastive prompts ('A cat is on the mat.' is a paraphrase" in lines["paraphrases"]
    assert "1 of 4 usable contrastive prompts ('Two cats.' is there twice" in lines["duplicates"]
    assert "answered 500" in lines["internal error"]
    assert "answered 429" in lines["rate limit"]
    assert "no chat completion" in lines["no choices"]


def test_usable_ones_are_kept_and_only_the_missing_ones_asked_for(endpoint, tmp_path):
    endpoint.plan = [answer("two cats on a mat", "a cat on the mat"), answer("a cat under a mat", "two cats on a mat")]
    written = writer(endpoint, tmp_path).write("a cat on a mat")
    assert written.contrastive_prompts[:2] == ["two cats on a mat", "a cat under a mat"]
    asked = [question["messages"][-1]["content"] for question in endpoint.questions]
    assert "Write 3 other" in asked[0]
    assert "Write 2 other" in asked[1]
    assert "two cats on a mat" in asked[1]
    assert "is a paraphrase of the prompt" in asked[1]
    assert "Write 1 other" in asked[2]


def test_more_than_wanted_is_cut(endpoint, tmp_path):
    endpoint.plan = [answer("two cats", "three cats", "four cats", "five cats")]
    assert writer(endpoint, tmp_path).write("a cat").contrastive_prompts == ["two cats", "three cats", "four cats"]


def test_those_by_rule_are_not_written_again(endpoint, tmp_path):
    endpoint.plan = [answer("two cats", "three cats", "six cats", "a dog", "a hat")]
    made = writer(endpoint, tmp_path).write("a cat", avoid=["two cats", "Three cats."])
    assert made.contrastive_prompts == ["six cats", "a dog", "a hat"]


def test_retry_after_is_waited_for(endpoint, tmp_path):
    endpoint.plan = ["429 after 1"]
    writer(endpoint, tmp_path).write("a cat")
    assert 1.0 <= endpoint.times[1] - endpoint.times[0] < 5


def test_a_hang_is_given_up_and_tried_again(endpoint, tmp_path):
    endpoint.plan = ["hang"]
    started = time.monotonic()
    assert writer(endpoint, tmp_path, timeout=1).write("a cat").attempts == 2
    assert time.monotonic() - started < endpoint.hang
    endpoint.stubborn = {"a dog": "hang"}
    with pytest.raises(PromptError, match=r"for 'a dog': http://127.0.0.1:\d+/v1 did not answer in time, after 3"):
        writer(endpoint, tmp_path, timeout=1).write("a dog")


def test_a_refused_connection_is_one_line(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(PromptError, match=r"for 'a cat': http://127.*refused.*, after 3 attempts") as caught:
        writer(None, tmp_path, url=url).write("a cat")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("status", "words"), [("401", "TIA2_LLM_API_KEY"), ("404", "404"), ("400", "400")])
def test_a_request_that_is_wrong_is_not_repeated(endpoint, tmp_path, status, words):
    endpoint.stubborn = {"a cat": status}
    with pytest.raises(PromptError, match=f"for 'a cat': .* answered {status}.*{words}|answered {words}"):
        writer(endpoint, tmp_path).write("a cat")
    assert len(endpoint.questions) <= 2


def test_an_endpoint_without_json_mode_is_asked_without(endpoint, tmp_path):
    endpoint.stubborn = {"a cat": "refuse json mode"}
    made = writer(endpoint, tmp_path)
    assert made.write("a cat").attempts == 1
    assert ["response_format" in question for question in endpoint.questions] == [True, False]


def test_the_hugging_face_token_goes_nowhere_else(endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.delenv("TIA2_LLM_API_KEY", raising=False)
    writer(endpoint, tmp_path).write("a cat")
    monkeypatch.setenv("TIA2_LLM_API_KEY", "its own key")
    writer(endpoint, tmp_path).write("a dog")
    assert endpoint.keys == ["Bearer none", "Bearer its own key"]


def test_what_is_written_is_kept_with_all_that_decided_it(endpoint, tmp_path):
    url = endpoint.url.replace("http://", "http://me:secret@")
    made = writer(endpoint, tmp_path, client={"temperature": 0.3}, url=url).write("a cat")
    assert made.parameters == {"base_url": endpoint.url, "temperature": 0.3, "max_tokens": 2048}
    assert (made.model, made.template_sha256) == ("tiny-llm", load_template().sha256)
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["contrastive_prompts"] == made.contrastive_prompts
    assert "secret" not in file.read_text()


def test_nothing_is_asked_twice(endpoint, tmp_path):
    first = writer(endpoint, tmp_path).write_all(["a cat", "a dog", "a cat"]).written
    assert len(endpoint.questions) == 2
    again = writer(endpoint, tmp_path).write_all(["a dog", "a cat"]).written
    assert again == first
    assert len(endpoint.questions) == 2
    writer(endpoint, tmp_path, number=2).write("a cat")
    writer(endpoint, tmp_path, client={"temperature": 0.1}).write("a cat")
    writer(endpoint, tmp_path).write("a cat", avoid=["two cats"])
    assert len(endpoint.questions) == 5


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"prompt": "a cat"}', b"\xff\xfe"])
def test_a_damaged_cache_is_written_anew(endpoint, tmp_path, content):
    first = writer(endpoint, tmp_path).write("a cat")
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert writer(endpoint, tmp_path).write("a cat").contrastive_prompts == first.contrastive_prompts
    assert len(endpoint.questions) == 2


def test_one_hopeless_prompt_does_not_stop_the_others(endpoint, tmp_path):
    endpoint.stubborn = {"a dog": "no json at all"}
    seen = []
    prompts = ["a cat", "a dog", "a bird", "a fish"]
    outcome = writer(endpoint, tmp_path).write_all(prompts, progress=lambda _, done, total: seen.append((done, total)))
    assert set(outcome.written) == {"a cat", "a bird", "a fish"}
    assert "for 'a dog': the answer is not JSON" in outcome.failed["a dog"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_endpoint_that_dies_stops_the_run_and_what_was_done_is_kept(endpoint, tmp_path):
    prompts = [f"{number} red cats" for number in ("two", "three", "four", "five")]
    endpoint.plan = ["well", "well"] + ["503"] * 20
    with pytest.raises(
        PromptError, match=r"answered 503.* 2 of 4 prompts are done and kept; the same command resumes from there"
    ):
        writer(endpoint, tmp_path, workers=1).write_all(prompts)
    assert len(list(tmp_path.iterdir())) == 2
    endpoint.plan = []
    asked = len(endpoint.questions)
    outcome = writer(endpoint, tmp_path, workers=1).write_all(prompts)
    assert list(outcome.written) == prompts
    assert len(endpoint.questions) == asked + 2


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", ""])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(PromptError, match="Expected a base URL such as"):
        Client("tiny-llm", url)


def test_without_a_key_the_providers_are_not_asked(tmp_path, monkeypatch):
    from huggingface_hub import constants

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "TIA2_LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    client = Client("some/model")
    with pytest.raises(PromptError, match=r"for 'a cat': Hugging Face's inference providers: .*api_key") as caught:
        Writer(client, load_template(), 2, tmp_path / "cache", first_wait=0.01).write("a cat")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["…", "two\nlines", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(endpoint, monkeypatch, key):
    monkeypatch.setenv("TIA2_LLM_API_KEY", key)
    with pytest.raises(PromptError, match="Expected an API key, in TIA2_LLM_API_KEY") as caught:
        Client("m", endpoint.url)
    assert key not in str(caught.value)
    assert endpoint.questions == []
