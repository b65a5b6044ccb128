"""A tiny random BLIP-2 in the layout of transformers, with a tokenizer and a preprocessing of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

SIDE = 56
VOCABULARY = 295


def build(folder: Path, vocabulary_file: Path, *, image_token_index: int | None = None) -> Path:
    """Write the folder and return it."""
    import torch
    from transformers import Blip2Config, Blip2ForImageTextRetrieval, BlipImageProcessorPil

    vision = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "image_size": SIDE, "patch_size": 14,
    }  # fmt: skip
    qformer = {
        "vocab_size": VOCABULARY, "hidden_size": 48, "encoder_hidden_size": 64, "intermediate_size": 96,
        "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 64, "use_qformer_text_input": True,
    }  # fmt: skip
    config = Blip2Config(
        vision_config=vision, qformer_config=qformer, num_query_tokens=6, image_text_hidden_size=40,
        image_token_index=image_token_index,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Blip2ForImageTextRetrieval(config)
        with torch.no_grad():  # the initial weights are so small that all texts look alike
            for parameter in model.parameters():
                parameter.add_(0.15 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    BlipImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    shutil.copy(vocabulary_file, folder)
    # As on the hub: the processor's <image> comes after the tokens that the Q-Former knows.
    names = {"294": "[DEC]", "295": "<image>"}
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    added = {place: {"content": name, **flags} for place, name in names.items()}
    settings = {"tokenizer_class": "BertTokenizer", "bos_token": "[DEC]", "added_tokens_decoder": added}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder
