"""Tiny diffusion models with Stable Diffusion's real configurations, narrow and with random weights."""

import pytest

diffusers = pytest.importorskip("diffusers", reason="fine-tuning needs diffusers: pip install 'tia2[finetune]'")

SD21_BASE_SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
SD21_SCHEDULER = {
    **{key: value for key, value in SD21_BASE_SCHEDULER.items() if key != "skip_prk_steps"},
    "_class_name": "DDIMScheduler",
    "prediction_type": "v_prediction",
}


def tiny_pipeline(scheduler_config, sample_size=8, seed=0, widths=(32, 64)):
    """Stable Diffusion 2.1's architecture with one narrow block per level and random weights."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    words = [
        "<|startoftext|>",
        "<|endoftext|>",
        *(f"{word}</w>" for word in ["a", "two", "red", "blue", "square", "circle", "cat", "dog"]),
    ]
    letters = [letter for code in range(33, 127) for letter in (chr(code), f"{chr(code)}</w>")]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys([*words, *letters]))}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=sample_size,
            in_channels=4,
            out_channels=4,
            block_out_channels=widths,
            norm_num_groups=min(32, widths[0] // 2),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            attention_head_dim=(2, 4),
            cross_attention_dim=32,
            use_linear_projection=True,
        )
        vae = AutoencoderKL(
            block_out_channels=(32, 64),
            down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
            up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
            latent_channels=4,
            sample_size=2 * sample_size,
        )
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(vocabulary),
                hidden_size=32,
                intermediate_size=37,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=77,
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
            )
        )
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)
    kinds = {"PNDMScheduler": PNDMScheduler, "DDIMScheduler": DDIMScheduler}
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=kinds[scheduler_config["_class_name"]].from_config(scheduler_config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(params=[SD21_BASE_SCHEDULER, SD21_SCHEDULER], ids=["epsilon", "v"])
def scheduler_config(request):
    return dict(request.param)


@pytest.fixture
def make_pipeline(scheduler_config):
    """Makes equal pipelines, again and again."""
    return lambda: tiny_pipeline(scheduler_config)


@pytest.fixture
def pipeline(make_pipeline):
    return make_pipeline()


@pytest.fixture
def make_toy():
    """Makes equal pipelines of v-prediction that are narrower still, for learning within seconds."""
    return lambda: tiny_pipeline(SD21_SCHEDULER, widths=(16, 32))
