"""Full-size reward models with random weights, each as tia2 runs it and as its own code scores a pair.

Used by scoring.py. A folder in the layout of each model's release is written, tia2 loads it, and the classes of
transformers with the same weights are the other side.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import nn
from transformers import (
    BertTokenizerFast,
    Blip2Config,
    Blip2ForImageTextRetrieval,
    BlipImageProcessorPil,
    BlipTextConfig,
    BlipTextModel,
    BlipVisionConfig,
    BlipVisionModel,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTokenizer,
)

import tia2
from tia2.rewards.encoder import Encoder
from tia2.rewards.families.blip.imagereward import MEAN, STD
from tia2.rewards.families.blip.mlp_head import IMAGEREWARD_HEAD

Scorer = Callable[[Image.Image, str], float]


class Case(NamedTuple):
    """One model on both sides."""

    title: str
    naive: Scorer
    reward: Encoder


def randomise(module: nn.Module) -> None:
    """Give matrices weights that keep the scale of their input; the default ones make all texts look alike."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, math.prod(parameter.shape[1:]) ** -0.5, generator=generator)


def write_bert_vocabulary(folder: Path, prompts: Sequence[str]) -> Path:
    """Write a vocabulary of BERT's size in which every word of the prompts is a token, as most are in BERT's."""
    words = [*"abcdefghijklmnopqrstuvwxyz", *dict.fromkeys(" ".join(prompts).split())]
    tokens = ["[PAD]", *(f"[unused{number}]" for number in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += list(dict.fromkeys(words))
    tokens += [f"[unused{number}]" for number in range(99, 99 + 30522 - len(tokens))]
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return folder


def bert_tokenizer(folder: Path) -> Any:
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    tokenizer.add_special_tokens({"bos_token": "[DEC]", "extra_special_tokens": ["[ENC]"]})
    return tokenizer


def clip_tokenizer(prompts: Sequence[str]) -> CLIPTokenizer:
    """Return a tokenizer of CLIP's kind in which every word of the prompts is a token."""
    words = list(dict.fromkeys(" ".join(prompts).split()))
    letters = sorted(set("".join(words)))
    merges: dict[tuple[str, str], None] = {}
    for word in words:
        # From the end of the word on, so that the pieces of one word are no others' beginnings.
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        while len(pieces) > 1:
            merges[pieces[-2], pieces[-1]] = None
            pieces[-2:] = [pieces[-2] + pieces[-1]]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    ends = ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: position for position, token in enumerate([*dict.fromkeys(tokens), *ends])}
    return CLIPTokenizer(vocab=vocabulary, merges=list(merges), model_max_length=77)


def clip(folder: Path, prompts: Sequence[str], device: str, options: argparse.Namespace) -> Case:
    tokenizer = clip_tokenizer(prompts)
    large = {"num_attention_heads": 16, "num_hidden_layers": 24, "hidden_size": 1024, "intermediate_size": 4096}
    text = {"num_attention_heads": 12, "num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072}
    narrow = {"num_attention_heads": 4, "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 256}
    tiny = narrow if options.tiny else {}
    config = CLIPConfig(
        vision_config={**large, **tiny, "image_size": 224, "patch_size": 14},
        text_config={**text, **tiny, "vocab_size": 49408, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": 0},
        projection_dim=768,
    )
    model = CLIPModel(config).eval()
    randomise(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor = CLIPImageProcessorPil()
    processor.save_pretrained(folder)
    model.to(device)

    def naive(image: Image.Image, prompt: str) -> float:
        tokens = tokenizer([prompt], padding="max_length", max_length=77, truncation=True, return_tensors="pt")
        pixels = processor([image], return_tensors="pt")["pixel_values"]
        output = model(pixel_values=pixels.to(device), **tokens.to(device))
        return float((output.image_embeds * output.text_embeds).sum())

    return Case("CLIP ViT-L/14", naive, tia2.load_reward(f"clip:{folder}", device=device))


UPSTREAM_NAMES = (
    ("embeddings.class_embedding", "cls_token"),
    ("embeddings.position_embedding", "pos_embed"),
    ("embeddings.patch_embedding.", "patch_embed.proj."),
    ("encoder.layers.", "blocks."),
    ("layer_norm", "norm"),
    ("self_attn.projection.", "attn.proj."),
    ("self_attn.", "attn."),
    ("post_layernorm.", "norm."),
)


def imagereward(folder: Path, prompts: Sequence[str], device: str, options: argparse.Namespace) -> Case:
    layers = (2, 2) if options.tiny else (24, 12)
    of_vision = BlipVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=layers[0], num_attention_heads=16,
        image_size=224, patch_size=16, layer_norm_eps=1e-6,
    )  # fmt: skip
    vision = BlipVisionModel(of_vision)
    of_text = BlipTextConfig(
        vocab_size=30524, hidden_size=768, encoder_hidden_size=1024, intermediate_size=3072,
        num_hidden_layers=layers[1], num_attention_heads=12, max_position_embeddings=512, is_decoder=True,
    )  # fmt: skip
    text = BlipTextModel(of_text, add_pooling_layer=False)
    widths = (768, 1024, 128, 64, 16, 1)
    head = nn.Sequential(*(nn.Linear(*pair) for pair in itertools.pairwise(widths)))
    model = nn.ModuleDict({"vision": vision, "text": text, "head": head}).eval()
    randomise(model)
    state = {f"blip.text_encoder.{key}": value for key, value in text.state_dict().items()}
    for key, value in vision.state_dict().items():
        upstream = functools.reduce(lambda name, rule: name.replace(*rule), UPSTREAM_NAMES, key)
        state[f"blip.visual_encoder.{upstream}"] = value
    for key, value in head.state_dict().items():
        position, _, kind = key.partition(".")
        state[f"mlp.layers.{IMAGEREWARD_HEAD.layers[int(position)]}.{kind}"] = value
    folder.mkdir()
    torch.save(state, folder / "ImageReward.pt")
    (folder / "med_config.json").write_text(json.dumps({"num_attention_heads": 12, "layer_norm_eps": 1e-12}))
    words = write_bert_vocabulary(folder / "words", prompts)
    tokenizer, processor = bert_tokenizer(words), CLIPImageProcessorPil()
    model.to(device)

    def naive(image: Image.Image, prompt: str) -> float:
        tokens = tokenizer(prompt, padding="max_length", max_length=35, truncation=True, return_tensors="pt").to(device)
        pixels = processor([image], return_tensors="pt")["pixel_values"].to(device)
        states = vision(pixels).last_hidden_state
        output = text(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            encoder_hidden_states=states,
            encoder_attention_mask=torch.ones(states.shape[:2], dtype=torch.long, device=device),
        )
        return (float(head(output.last_hidden_state[:, 0])) - MEAN) / STD

    return Case(
        "ImageReward, ViT-L/16 and BERT base",
        naive,
        tia2.load_reward(f"imagereward:{folder}", tokenizer=words, device=device),
    )


def blip2_itm(folder: Path, prompts: Sequence[str], device: str, options: argparse.Namespace) -> Case:
    depth = 2 if options.tiny else options.blip2_depth
    qformer = {"num_hidden_layers": 2} if options.tiny else {}
    config = Blip2Config(
        vision_config={"num_hidden_layers": depth},
        qformer_config={"vocab_size": 30523, "use_qformer_text_input": True, **qformer},
    )
    model = Blip2ForImageTextRetrieval(config).eval()
    randomise(model)
    model.save_pretrained(folder)
    write_bert_vocabulary(folder, prompts)
    tokenizer, processor = bert_tokenizer(folder), BlipImageProcessorPil(size={"height": 224, "width": 224})
    processor.save_pretrained(folder)
    model.to(device)

    def naive(image: Image.Image, prompt: str) -> float:
        tokens = tokenizer(prompt, truncation=True, max_length=32, return_tensors="pt").to(device)
        logits = model(
            pixel_values=processor([image], return_tensors="pt")["pixel_values"].to(device),
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            use_image_text_matching_head=True,
        ).logits_per_image[0]
        return float(logits[1] - logits[0])

    size = "the full ViT-g" if depth == 39 else f"a ViT-g of {depth} of its 39 layers"
    return Case(f"BLIP-2 ITM, {size}", naive, tia2.load_reward(f"blip2-itm:{folder}", device=device))


CASES: dict[str, Callable[[Path, Sequence[str], str, argparse.Namespace], Case]] = {
    "clip": clip,
    "imagereward": imagereward,
    "blip2-itm": blip2_itm,
}
