"""A CLIP folder in the layout of transformers, with random weights and a tokenizer trained on the spot."""

from __future__ import annotations

import json
from pathlib import Path

TEXTS = [
    "a red circle",
    "two cyan stars",
    "a red circle and a yellow star",
    "a cyan star left of a green star",
    "three blue squares on a light background",
]
LIMIT = 16


def build(folder: Path, *, seed: int = 0, side: int = 32, width: int = 32, half: bool = True) -> Path:
    """Write the folder and return it."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=640, end_of_word_suffix="</w>", initial_alphabet=alphabet)
    )
    trained = json.loads(bpe.to_str())["model"]
    tokens = [*alphabet, *(f"{letter}</w>" for letter in alphabet)]
    merges = [tuple(pair) for pair in trained["merges"]]
    tokens += [token for token in dict.fromkeys("".join(pair) for pair in merges) if token not in set(tokens)]
    vocab = {token: place for place, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=LIMIT)

    tower = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": vocab["<|startoftext|>"], "eos_token_id": vocab["<|endoftext|>"]}
    config = CLIPConfig(
        text_config={**tower, **ends, "vocab_size": len(vocab), "max_position_embeddings": LIMIT},
        vision_config={**tower, "image_size": side, "patch_size": 8},
        projection_dim=width,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLIPModel(config)
        with torch.no_grad():  # the initial weights are so small that all texts look alike
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    (model.half() if half else model).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    preprocessing = {
        "do_resize": True,
        "size": {"shortest_edge": side},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "CLIPImageProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return folder
