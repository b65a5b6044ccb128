"""DDPO on a toy: the reward rises, and only because advantages belong to the samples that earned them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tia2.finetune.ddpo.trainer import DdpoTrainer
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.settings.run import checked
from tia2.finetune.training.optimiser import Optimiser
from tia2.finetune.training.prompts import PromptSplit

PROMPTS = ("a red circle", "two blue square")
EPOCHS = 6


class PixelModel(DiffusionModel):
    """A model whose images are three channels of the latents, without a random autoencoder in between."""

    def decode(self, latents):
        pixels = (latents[:, :3] * 40 + 128).clamp(0, 255).round().to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).numpy()


def brightness(images, prompts, numbers=None):
    """A reward that any policy can raise: the mean over an image's pixels, 0 to 255."""
    return np.array([np.asarray(image, np.float64).mean() for image in images])


def rewards_while_training(pipeline, shuffle):
    """The mean reward of every epoch's samples, in standard deviations of the first epoch's."""
    settings = checked(
        {
            "prompts": {"texts": PROMPTS, "contrast": "none"},
            "reward": {"proxy": "brightness"},
            "model": {"lora": None},
            "sampler": {"steps": 5, "guidance": 1.0, "batch": 32},
            "optimiser": {"lr": 3e-3},
            "ddpo": {
                "images_per_epoch": 32,
                "updates_per_epoch": 2,
                "epochs": EPOCHS,
                "batch": 80,
                "clip_nats": 1.6,
                "advantages": {"kind": "group"},
                "steps": {"weights": "flat"},
                "shuffle_advantages": shuffle,
            },
        },
        "a toy",
    )
    model = PixelModel(pipeline, settings.model)
    trainer = DdpoTrainer(
        model,
        settings,
        PromptSplit(PROMPTS, (), dict.fromkeys(PROMPTS, ())),
        SimpleNamespace(proxy=brightness),
        Optimiser(model.parameters, settings.optimiser),
    )
    journal = [trainer.epoch(number, lambda *_: None) for number in range(1, EPOCHS + 1)]
    means = np.array([line["reward_mean"] for line in journal])
    return (means - means[0]) / journal[0]["reward_std"]


@pytest.mark.slow
def test_the_reward_rises_and_not_when_advantages_are_shuffled(make_toy):
    risen = rewards_while_training(make_toy(), shuffle=False)[-1]
    shuffled = rewards_while_training(make_toy(), shuffle=True)
    assert risen > 5
    assert np.abs(shuffled).max() < 2
