"""The tokenizer of the miniature world: CLIP's byte-pair encoding, learned so that each word is one token."""

from __future__ import annotations

import json

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from tia2.miniworld.grammar import COLOURS, NUMBERS, RELATIONS, SHAPES, SIZES, plural

MAX_LENGTH = 16
"""Tokens a text may have, start and end included; the longest prompt of the grammar has 12."""

_START, _END = "<|startoftext|>", "<|endoftext|>"
_WORDS = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def new_tokenizer() -> CLIPTokenizer:
    """Return the tokenizer: all single bytes, one token for each word of the grammar, and CLIP's two special tokens.

    The end token comes last, as in CLIP, so that its id isn't 2, on which an old pooling rule of transformers keys.

    Returns:
        A tokenizer that takes any text; words that aren't in the grammar fall into bytes.
    """
    words = [*NUMBERS, *COLOURS, *SIZES, *" ".join(RELATIONS).split(), "and"]
    words += [plural(shape, count) for shape in SHAPES for count in (1, 2)]
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    split = pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)
    learner.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(vocab_size=10_000, end_of_word_suffix="</w>", show_progress=False, min_frequency=1)
    learner.train_from_iterator(sorted(set(words)), trainer)
    merges = _merges(learner)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(f"{byte}</w>" for byte in alphabet), *("".join(pair) for pair in merges), _START, _END]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=MAX_LENGTH)


def _merges(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    return [(pair[0], pair[1]) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
