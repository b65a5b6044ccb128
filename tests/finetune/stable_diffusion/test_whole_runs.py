"""Whole runs on Stable Diffusion's real configurations, and their weights and images in plain diffusers."""

import io
import json

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image

from tia2.finetune.policy.noise import EVALUATION, trajectory_noise
from tia2.finetune.runner.run import Run
from tia2.finetune.runner.state import RunFolder
from tia2.finetune.settings.run import load_settings

pytestmark = pytest.mark.slow

PLAIN = ["evaluation.sampler={steps: 2, eta: 0.0, guidance: 5.0, batch: 4}"]
"""An evaluation sampler without noise, which a plain pipeline can repeat."""


def plain_pipeline(folder):
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def samples(pipeline):
    arguments = {"num_inference_steps": 2, "guidance_scale": 2.0, "height": 64, "width": 64, "output_type": "np"}
    return pipeline("a red circle", generator=torch.Generator().manual_seed(0), **arguments).images


def pictures(frame):
    return np.stack([np.asarray(Image.open(io.BytesIO(png))) for png in frame["image"]]).astype(int)


def repeated(pipeline, frame, seed):
    """An evaluation's images, sampled again by diffusers alone from the same starting noise."""
    shipped = pipeline.scheduler
    pipeline.scheduler = DDIMScheduler.from_config(shipped.config)
    noise = trajectory_noise(seed, EVALUATION, 0, range(len(frame)), (4, 8, 8), 2)[:, 0]
    images = pipeline(
        frame["prompt"].tolist(),
        latents=noise,
        num_inference_steps=2,
        guidance_scale=5.0,
        height=64,
        width=64,
        output_type="np",
    ).images
    pipeline.scheduler = shipped
    return (images * 255).round().astype(int)


def test_ddpo_from_python_and_its_adapter_in_plain_diffusers(folders, overrides, tmp_path):
    preset, folder = "sd21-base-ddpo", folders("sd21-base")
    settings = load_settings(preset, [*overrides(preset, folder), *PLAIN, "optimiser.lr=3e-2"])
    training = Run(tmp_path / "run", settings)
    kept = training.go()
    (epoch,) = [record for record in kept.records() if record["kind"] == "epoch"]
    assert np.isfinite(epoch["loss"])
    assert epoch["grad_norm"] > 0
    frame = kept.evaluation(1)
    assert np.isfinite(frame[["proxy", "gold", "watch0"]].to_numpy()).all()
    assert pictures(frame).shape == (2, 64, 64, 3)

    pipeline = plain_pipeline(folder)
    untrained = repeated(pipeline, frame, settings.evaluation.seed)
    assert np.abs(untrained - pictures(kept.evaluation(0))).max() <= 1, "rounding to whole numbers apart"
    assert np.abs(untrained - pictures(frame)).max() > 1
    pipeline.load_lora_weights(kept.weights_path(1))
    assert np.abs(repeated(pipeline, frame, settings.evaluation.seed) - pictures(frame)).max() <= 1
    assert (samples(pipeline) == samples(training.model.pipeline)).all(), "bit for bit"


def test_all_weights_of_stable_diffusion_15_are_trained_and_loaded_as_a_network(folders, overrides, tmp_path):
    preset, folder = "sd21-base-ddpo", folders("sd15")
    settings = load_settings(preset, [*overrides(preset, folder), *PLAIN, "model.lora=null", "optimiser.lr=1e-3"])
    training = Run(tmp_path / "run", settings)
    kept = training.go()
    frame = kept.evaluation(1)
    pipeline = plain_pipeline(folder)
    assert np.abs(repeated(pipeline, frame, settings.evaluation.seed) - pictures(frame)).max() > 1
    pipeline = plain_pipeline(folder)
    pipeline.register_modules(unet=UNet2DConditionModel.from_pretrained(kept.weights_path(1)))
    assert (samples(pipeline) == samples(training.model.pipeline)).all(), "bit for bit"
    assert np.abs(repeated(pipeline, frame, settings.evaluation.seed) - pictures(frame)).max() <= 1


@pytest.mark.parametrize(("preset", "precision"), [("sd21-sft", "float32"), ("sd21-base-ddpo", "bfloat16")])
def test_both_presets_run_on_v_prediction_from_the_command_line(cli, folders, overrides, tmp_path, preset, precision):
    folder = folders("sd21")
    changes = [*overrides(preset, folder), *PLAIN, f"model.precision={precision}", "optimiser.lr=3e-2"]
    words = [word for change in changes for word in ("--set", change)]
    done = cli("finetune", "run", preset, *words, "--out", tmp_path / "run", "--device", "cpu", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["epochs"] == [0, 1]
    assert "Warning" not in done.err
    for name in ("report.html", "report.json", "curves.png", "samples.png"):
        assert (tmp_path / "run" / name).is_file()
    kept = RunFolder(tmp_path / "run")
    assert kept.facts()["dimensions"] == [4, 8, 8]
    frame = kept.evaluation(1)
    assert np.isfinite(frame[["proxy", "gold", "watch0"]].to_numpy()).all()
    assert (pictures(frame) != pictures(kept.evaluation(0))).any()
    if precision == "float32":
        pipeline = plain_pipeline(folder)
        pipeline.load_lora_weights(kept.weights_path(1))
        again = repeated(pipeline, frame, kept.settings().evaluation.seed)
        assert np.abs(again - pictures(frame)).max() <= 1
