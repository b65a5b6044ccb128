"""Tiny vision-language models with random weights, processors and tokenizers, made on the spot without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

TEXTS = [
    "Yes No Yes No",
    "assistant\nYes",
    "assistant\nNo",
    "answer Yes",
    'Does this figure show "a red circle"? Please answer Yes or No.',
    'Does this figure show "two cyan stars"? Please answer Yes or No.',
    'Does this figure show "three blue squares on a light background"? Please answer Yes or No.',
    "You are a helpful assistant. system user model",
]
CHATML = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}IMAGE{% else %}{{ content['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VICUNA = (
    "{% for message in messages %}{{ message['role'].upper() }}: {% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<image>\n{% else %}{{ content['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message['role'] }}\n"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}<start_of_image>"
    "{% else %}{{ content['text'] | trim }}{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
SMOL = (
    "{% for message in messages %}<|im_start|>{{ message['role'] | capitalize }}:"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}<image>"
    "{% else %}{{ content['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
MROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
SIGLIP = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 7,
}


def tokenizer(
    special: list[str], texts: list[str] = TEXTS, bos: str | None = None, extra: dict[str, str] | None = None
) -> Any:
    """A byte-level BPE trained on a few sentences, with "Yes" as one token where the sentences have it."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    names = ["<pad>", "<bos>", "<eos>", *special]
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in names],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    bpe.train_from_iterator(texts * 4, trainer)
    if bos:
        bpe.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, bpe.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", extra_special_tokens=extra or {}
    )


def qwen2_5_vl(texts: list[str] = TEXTS, chat_template: str | None = CHATML) -> tuple[Any, Any]:
    """Dynamic resolution, three-dimensional rotary positions."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

    words, ids = _qwen_tokenizer(texts)
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 32,
        "patch_size": 14,
        "fullatt_block_indexes": [1],
        "window_size": 56,
    }
    config = Qwen2_5_VLConfig(
        text_config={**TEXT, "vocab_size": len(words), "rope_parameters": MROPE, **_ends(words)},
        vision_config=vision,
        **ids,
    )
    image = _qwen_images()
    template = chat_template and chat_template.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    return Qwen2_5_VLForConditionalGeneration(config), Qwen2_5_VLProcessor(
        image_processor=image, tokenizer=words, video_processor=_qwen_videos(), chat_template=template
    )


def qwen3_vl() -> tuple[Any, Any]:
    """As Qwen2.5-VL, with vision features added to inner layers."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor, Qwen3VLVideoProcessor

    words, ids = _qwen_tokenizer(TEXTS)
    vision = {
        "depth": 3,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 32,
        "patch_size": 14,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1],
    }
    text = {**TEXT, "vocab_size": len(words), "head_dim": 8, **_ends(words)}
    config = Qwen3VLConfig(
        text_config={**text, "rope_parameters": {**MROPE, "mrope_interleaved": True}}, vision_config=vision, **ids
    )
    template = CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    return Qwen3VLForConditionalGeneration(config), Qwen3VLProcessor(
        image_processor=_qwen_images(),
        tokenizer=words,
        video_processor=Qwen3VLVideoProcessor(patch_size=14),
        chat_template=template,
    )


def internvl() -> tuple[Any, Any]:
    """Image tiles, and a thumbnail where there are several."""
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    names = ["<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
    words = tokenizer(
        names,
        extra={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    )
    config = InternVLConfig(
        text_config={"model_type": "qwen2", **TEXT, "vocab_size": len(words), **_ends(words)},
        vision_config={**SIGLIP, "image_size": [28, 28], "patch_size": [7, 7]},
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    image = GotOcr2ImageProcessor(size={"height": 28, "width": 28}, crop_to_patches=True, max_patches=4)
    processor = InternVLProcessor(
        image_processor=image,
        tokenizer=words,
        video_processor=InternVLVideoProcessor(size={"height": 28, "width": 28}),
        image_seq_length=4,
        chat_template=CHATML.replace("IMAGE", "<IMG_CONTEXT>\n"),
    )
    return InternVLForConditionalGeneration(config), processor


def paligemma() -> tuple[Any, Any]:
    """No chat template; image and question attend to each other both ways."""
    from transformers import (
        PaliGemmaConfig,
        PaliGemmaForConditionalGeneration,
        PaliGemmaProcessor,
        SiglipImageProcessor,
    )

    words = tokenizer(["<image>"], bos="<bos>", extra={"image_token": "<image>"})
    image = SiglipImageProcessor(size={"height": 28, "width": 28})
    image.image_seq_length = 16
    processor = PaliGemmaProcessor(image_processor=image, tokenizer=words)
    config = PaliGemmaConfig(
        text_config={"model_type": "gemma", **TEXT, "head_dim": 8, "vocab_size": len(words), **_ends(words)},
        vision_config={"model_type": "siglip_vision_model", **SIGLIP, "vision_use_head": False},
        image_token_id=words.convert_tokens_to_ids("<image>"),
        projection_dim=32,
        hidden_size=32,
    )
    return PaliGemmaForConditionalGeneration(config), processor


def llava() -> tuple[Any, Any]:
    """A template that ends in a colon, so that the answer begins with a space."""
    from transformers import CLIPImageProcessor, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    words = tokenizer(["<image>"], bos="<bos>", extra={"image_token": "<image>"})
    image = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    config = LlavaConfig(
        text_config={"model_type": "llama", **TEXT, "vocab_size": len(words), **_ends(words)},
        vision_config={"model_type": "clip_vision_model", **SIGLIP, "projection_dim": 24},
        image_token_id=words.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    processor = LlavaProcessor(
        image_processor=image,
        tokenizer=words,
        patch_size=7,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=VICUNA,
    )
    return LlavaForConditionalGeneration(config), processor


def gemma3() -> tuple[Any, Any]:
    """Sliding windows shorter than the image; image tokens attend to each other both ways; softmax caps."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3ImageProcessor, Gemma3Processor

    names = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    words = tokenizer([*names.values(), "<start_of_turn>", "<end_of_turn>"], bos="<bos>", extra=names)
    config = Gemma3Config(
        text_config={
            **TEXT,
            "head_dim": 8,
            "vocab_size": len(words),
            "sliding_window": 12,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "final_logit_softcapping": 3.0,
            **_ends(words),
        },
        vision_config={**SIGLIP, "vision_use_head": False},
        mm_tokens_per_image=4,
        image_token_id=words.convert_tokens_to_ids("<image_soft_token>"),
        boi_token_index=words.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=words.convert_tokens_to_ids("<end_of_image>"),
    )
    image = Gemma3ImageProcessor(size={"height": 28, "width": 28}, image_seq_length=4)
    processor = Gemma3Processor(image_processor=image, tokenizer=words, chat_template=GEMMA, image_seq_length=4)
    return Gemma3ForConditionalGeneration(config), processor


def idefics3() -> tuple[Any, Any]:
    """Image tiles, each with its own markers."""
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessor,
        Idefics3Processor,
    )

    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    names = ["<fake_token_around_image>", "<image>", "<global-img>", "<end_of_utterance>", "<|im_start|>", *tiles]
    extra = {
        "fake_image_token": "<fake_token_around_image>",
        "image_token": "<image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    words = tokenizer(names, extra=extra)
    config = Idefics3Config(
        text_config={"model_type": "llama", **TEXT, "vocab_size": len(words), "pad_token_id": 0, **_ends(words)},
        vision_config=SIGLIP,
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    image = Idefics3ImageProcessor(
        size={"longest_edge": 56}, max_image_size={"longest_edge": 28}, do_image_splitting=True
    )
    processor = Idefics3Processor(
        image_processor=image,
        tokenizer=words,
        image_seq_len=4,
        chat_template=SMOL,
    )
    return Idefics3ForConditionalGeneration(config), processor


def qwen3_5() -> tuple[Any, Any]:
    """Linear attention in most layers: a state instead of keys and values."""
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration, Qwen3VLProcessor, Qwen3VLVideoProcessor

    words, ids = _qwen_tokenizer(TEXTS)
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 32,
        "patch_size": 14,
        "num_position_embeddings": 64,
    }
    rope = {**MROPE, "mrope_interleaved": True, "partial_rotary_factor": 0.5, "mrope_section": [1, 1, 0]}
    text = {
        **TEXT,
        "vocab_size": len(words),
        "head_dim": 8,
        "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "rope_parameters": rope,
        **_ends(words),
    }
    config = Qwen3_5Config(text_config=text, vision_config=vision, **ids)
    return Qwen3_5ForConditionalGeneration(config), Qwen3VLProcessor(
        image_processor=_qwen_images(),
        tokenizer=words,
        video_processor=Qwen3VLVideoProcessor(patch_size=14),
        chat_template=CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )


BUILDERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "internvl": internvl,
    "paligemma": paligemma,
    "llava": llava,
    "gemma3": gemma3,
    "idefics3": idefics3,
    "qwen3_5": qwen3_5,
}


def build(folder: Path, make: Callable[[], tuple[Any, Any]], *, seed: int = 0, scale: float = 0.1) -> Path:
    """Write a model with its processor and return the folder."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, processor = make()
        with torch.no_grad():  # the initial weights are so small that all inputs look alike
            for parameter in model.parameters():
                parameter.add_(scale * torch.randn_like(parameter))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _qwen_tokenizer(texts: list[str]) -> tuple[Any, dict[str, int]]:
    names = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    words = tokenizer(names, texts)
    ids = dict(zip(names, words.convert_tokens_to_ids(names), strict=True))
    return words, {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }


def _qwen_images() -> Any:
    from transformers import Qwen2VLImageProcessor

    return Qwen2VLImageProcessor(
        patch_size=14, merge_size=2, size={"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 24}
    )


def _qwen_videos() -> Any:
    from transformers import Qwen2VLVideoProcessor

    return Qwen2VLVideoProcessor(patch_size=14, merge_size=2)


def _ends(words: Any) -> dict[str, int]:
    return {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
