"""A language model on this machine: a tiny one that can't write, and a stand-in that can."""

from __future__ import annotations

import sys

import pytest

from tia2.errors import MissingDependencyError, PromptError
from tia2.prompts.writer.clients import Local
from tia2.prompts.writer.template import load_template
from tia2.prompts.writer.writer import Writer


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    pytest.importorskip("torch", reason="a language model on this machine needs the extra 'rewards'")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "cat": 1, "<end>": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="<end>", pad_token="<end>"
    ).save_pretrained(folder)
    config = GPT2Config(vocab_size=3, n_positions=512, n_embd=8, n_layer=1, n_head=1, bos_token_id=2, eos_token_id=2)
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def test_a_model_that_cannot_write_is_one_line(tiny, tmp_path):
    client = Local(str(tiny), max_tokens=5, device="cpu")
    with pytest.raises(PromptError, match=r"for 'a cat': the answer is not JSON .*, after 2 attempts"):
        Writer(client, load_template(), 2, tmp_path, attempts=2).write("a cat")


def test_a_model_that_can_write_is_read(tiny, tmp_path, monkeypatch):
    client = Local(str(tiny), device="cpu")
    asked = []

    def answer(given, **options):
        asked.append((given, options))
        return [{"generated_text": '["two cats", "a dog"]'}]

    answer.tokenizer = client._pipeline.tokenizer
    monkeypatch.setattr(client, "_pipeline", answer)
    written = Writer(client, load_template(), 2, tmp_path).write_all(["a cat"]).written["a cat"]
    assert written.contrastive_prompts == ["two cats", "a dog"]
    assert written.model == f"local:{tiny}"
    assert asked[0][1]["do_sample"] is False


def test_without_transformers_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"needs transformers.*pip install 'tia2\[rewards\]'"):
        Local(str(tmp_path), device="cpu")


def test_a_folder_without_a_model_is_one_line(tmp_path):
    pytest.importorskip("torch", reason="a language model on this machine needs the extra 'rewards'")
    with pytest.raises(PromptError, match="can't be loaded") as caught:
        Local(str(tmp_path), device="cpu")
    assert "\n" not in str(caught.value)
