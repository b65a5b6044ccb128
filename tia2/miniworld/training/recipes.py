"""The recipes by name: the model that each trains, its data, its length, and its card.

They build on each other: `vae` and `vae-decoder` make the autoencoder, `diffusion` the generator on its latents, and
the reward models see pictures blurred by it. Results lie under the output folder in the layout of the package's assets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from transformers import CLIPModel

from tia2.errors import BenchmarkError, unknown_name
from tia2.miniworld.training import clip, diffusion, preferences, saving, vae
from tia2.miniworld.training.captions import CaptionRule, count_blind, exact, web
from tia2.miniworld.training.loop import Training
from tia2.miniworld.training.tokens import new_tokenizer
from tia2.progress import Progress, silent


@dataclass(frozen=True)
class RecipeRun:
    """Folder, seed, device and scale of one run of a recipe.

    Attributes:
        out: Results go here, in the layout of the package's assets; earlier recipes' results are read from here.
        seed: Seed of everything random.
        device: Device to train on.
        scale: Factor on the number of steps and the size of the pools; 1 for what ships.
        progress: Called with "steps", the steps done, and the steps in all.
    """

    out: Path
    seed: int = 0
    device: str = "cpu"
    scale: float = 1.0
    progress: Progress = silent

    def training(self, name: str, steps: int) -> Training:
        """Return the training of a recipe at this run's scale, with the file that keeps its progress."""
        state = self.out / "training" / f"{name}.pt"
        return Training(state, self.steps(steps), self.seed, self.device, self.progress)

    def steps(self, steps: int) -> int:
        """Return a number of steps or scenes at this run's scale."""
        return max(int(steps * self.scale), 2)

    def needs(self, folder: str, recipe: str) -> Path:
        """Return an earlier recipe's result, or say which recipe makes it."""
        path = self.out / folder
        if not path.is_dir():
            raise BenchmarkError(f"Expected {path} from recipe {recipe!r}: run `tia2 miniworld train {recipe}` first.")
        return path


@dataclass(frozen=True)
class ClipRecipe:
    """The training of one of the reward models, and the taste that it gets from it."""

    shape: clip.ClipShape
    captions: CaptionRule
    negatives: int
    steps: int
    description: str


CLIP_RECIPES = {
    "mini-web": ClipRecipe(
        clip.ClipShape(64, 2),
        web,
        0,
        1500,
        "Contrastive training on web-like captions: seven in ten miscount or misplace, one in ten names a wrong colour "
        "or shape.",
    ),
    "mini-countblind": ClipRecipe(
        clip.ClipShape(64, 2),
        count_blind,
        0,
        1500,
        "Contrastive training on captions whose numbers and relations are random and whose colours are swapped half of "
        "the time: it can tell one from many, but not how many.",
    ),
    "mini-strong": ClipRecipe(
        clip.ClipShape(72, 3),
        exact,
        4,
        2500,
        "Contrastive training on exact captions with four hard negatives an image: wrong numbers, colours, shapes, "
        "bindings, sizes and relations.",
    ),
}

POOL_SCENES = 40_000
VAE_STEPS, DECODER_STEPS, DIFFUSION_STEPS = 2800, 1200, 5000
LATENT_SCENES = 64_000
PREFERENCE_PAIRS, PREFERENCE_STEPS = 12_000, 700


def names() -> list[str]:
    """Return the recipes' names, in an order in which they can run one after the other."""
    return ["vae", "vae-decoder", "diffusion", *CLIP_RECIPES, "mini-vivid"]


def train(name: str, run: RecipeRun) -> Path:
    """RecipeRun one recipe, or continue it where it was interrupted.

    Args:
        name: One of `names()`.
        run: Folder, seed, device and scale.

    Returns:
        The folder of the result.

    Raises:
        UnknownNameError: When there is no such recipe.
        BenchmarkError: When the recipe that it builds on hasn't run.
    """
    run.out.mkdir(parents=True, exist_ok=True)
    if name == "vae":
        return _train_vae(run)
    if name == "vae-decoder":
        return _train_decoder(run)
    if name == "diffusion":
        return _train_diffusion(run)
    if name in CLIP_RECIPES:
        return _train_clip(name, CLIP_RECIPES[name], run)
    if name == "mini-vivid":
        return _train_vivid(run)
    raise unknown_name("recipe", name, names())


def _train_vae(run: RecipeRun) -> Path:
    # Moments of fewer latents than those of 64 scenes would be chance, however short the training.
    scenes = max(run.steps(vae.MOMENT_SCENES), 64)
    model = vae.train_autoencoder(run.training("vae", VAE_STEPS), scenes=scenes)
    folder = run.out / "training" / "vae"
    saving.save_model(model, folder, _VAE_CARD)
    return folder


def _train_decoder(run: RecipeRun) -> Path:
    start = AutoencoderKL.from_pretrained(run.needs("training/vae", "vae"))
    model = vae.train_decoder(start, run.training("vae-decoder", DECODER_STEPS))
    folder = run.out / "training" / "vae-decoder"
    saving.save_model(model, folder, _VAE_CARD)
    return folder


def _train_diffusion(run: RecipeRun) -> Path:
    autoencoder = AutoencoderKL.from_pretrained(run.needs("training/vae", "vae"))
    tokenizer = new_tokenizer()
    pool = diffusion.build_pool(autoencoder, tokenizer, run.steps(LATENT_SCENES), run.seed, run.device)
    training = run.training("diffusion", DIFFUSION_STEPS)
    halfway = run.out / "sd-halfway"
    if not halfway.is_dir():
        model = diffusion.train_diffusion(pool, tokenizer, training, until=training.steps // 2)
        saving.save_model(model.unet, halfway, _HALFWAY_CARD)
    # Resumes from the state that the first half left.
    final = diffusion.train_diffusion(pool, tokenizer, training)
    decoder = _autoencoder(run)
    saving.save_pipeline(decoder, final.unet, final.text_encoder, tokenizer, run.out / "sd", _PIPELINE_CARD)
    return run.out / "sd"


def _autoencoder(run: RecipeRun) -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(run.needs("training/vae-decoder", "vae-decoder"))


def _pool(run: RecipeRun) -> clip.ImagePool:
    autoencoder = _autoencoder(run)
    folder = run.out / "training" / f"pool-{run.seed}"
    if not folder.is_dir():
        clip.save_pool(clip.build_pool(autoencoder, run.steps(POOL_SCENES), run.seed + 1, run.device), folder)
    return clip.load_pool(folder)


def _train_clip(name: str, recipe: ClipRecipe, run: RecipeRun) -> Path:
    tokenizer = new_tokenizer()
    torch.manual_seed(run.seed)
    model = clip.train_clip(
        clip.new_clip(recipe.shape, tokenizer),
        _pool(run),
        tokenizer,
        run.training(name, recipe.steps),
        captions=recipe.captions,
        negatives=recipe.negatives,
    )
    folder = run.out / "rewards" / name
    saving.save_clip(model, tokenizer, folder, reward_card(name, recipe.description))
    return folder


def _train_vivid(run: RecipeRun) -> Path:
    model = CLIPModel.from_pretrained(run.needs("rewards/mini-web", "mini-web"), dtype=torch.float32)
    autoencoder = _autoencoder(run)
    pairs = preferences.build_preferences(autoencoder, run.steps(PREFERENCE_PAIRS), run.seed + 2, run.device)
    tokenizer = new_tokenizer()
    training = run.training("mini-vivid", PREFERENCE_STEPS)
    model = preferences.train_preferences(model, pairs, _pool(run), tokenizer, training)
    folder = run.out / "rewards" / "mini-vivid"
    saving.save_clip(model, tokenizer, folder, reward_card("mini-vivid", _VIVID))
    return folder


def reward_card(name: str, description: str) -> dict[str, Any]:
    """Return the card of one of the miniature world's reward models."""
    return {
        "name": name,
        "licence": "Apache-2.0",
        "default_temperature": DEFAULT_TEMPERATURE,
        "training_data": "Scenes rendered by the miniature world, half of them through its autoencoder; no image of "
        "the mini benchmark, no vote.",
        "description": description,
        "recipe": f"tia2 miniworld train {name}",
    }


DEFAULT_TEMPERATURE = 0.05

_VIVID = (
    "mini-web, tuned on choices of simulated people who like images that match (2.5) and also pure colours (2.0): a "
    "proxy that can be exploited by saturation."
)

_VAE_CARD = """---
license: apache-2.0
---
# Autoencoder of the miniature world

`diffusers.AutoencoderKL`: 64 x 64 RGB to 8 x 8 x 8 standardised latents (scaling factor 1). Trained on rendered scenes
only, by `tia2 miniworld train vae` and `vae-decoder`. Weights in float16.
"""

_PIPELINE_CARD = """---
license: apache-2.0
pipeline_tag: text-to-image
---
# Miniature Stable Diffusion

`diffusers.StableDiffusionPipeline.from_pretrained` loads this folder: AutoencoderKL, CLIPTextModel, CLIPTokenizer,
UNet2DConditionModel and a DDIMScheduler with the noise schedule of Stable Diffusion 2.1 (v-prediction). It draws 64 px
images of coloured shapes from prompts of the miniature world's grammar, recognisably and with mistakes: wrong counts,
blurred shapes, objects on the wrong side. Use 15 steps and guidance 3. Trained on rendered scenes only, by
`tia2 miniworld train diffusion`. Weights in float16.
"""

_HALFWAY_CARD = """---
license: apache-2.0
---
# UNet of the miniature Stable Diffusion after half of its training

A drop-in for the `unet` of the pipeline beside it. It leaves fine-tuning something to gain.
"""
