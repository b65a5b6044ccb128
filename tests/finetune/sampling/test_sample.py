"""`tia2 finetune sample`: images that say where they come from, and are sampled once."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tia2.finetune.sampling.requests import file_name

pytestmark = pytest.mark.slow


def pixels(folder, prompt, seed):
    return np.asarray(Image.open(Path(folder) / file_name(prompt, seed)))


@pytest.fixture
def sample(cli, short_run):
    def run(*words):
        done = cli("finetune", "sample", short_run.path, "--device", "cpu", *words)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return run


def test_images_carry_prompt_and_seed_and_resume(sample, short_run, tmp_path):
    out = tmp_path / "samples"
    listing = sample("--n", 2, "--seed", 5, "--out", out, "--json")
    prompts = list(dict.fromkeys(image["prompt"] for image in listing["images"]))
    assert len(listing["images"]) == 4
    assert [image["seed"] for image in listing["images"]] == [5, 6, 5, 6]
    assert Path(listing["weights"]) == short_run.weights_path(2)
    for image in listing["images"]:
        assert str(image["seed"]) in image["file"]
        assert image["prompt"].replace(" ", "-") in image["file"]
        facts = Image.open(out / image["file"]).text
        assert (facts["prompt"], facts["seed"]) == (image["prompt"], str(image["seed"]))
        assert (facts["steps"], facts["epoch"], facts["scale"]) == ("3", "2", "1.0")
        assert facts["source"] == str(short_run.path)
    assert Image.open(out / "contact_sheet.png").width > 200

    lost, kept = out / file_name(prompts[0], 5), out / file_name(prompts[0], 6)
    before, stamp = pixels(out, prompts[0], 5), kept.stat().st_mtime_ns
    lost.unlink()
    sample("--n", 3, "--seed", 5, "--out", out, "--json")
    assert kept.stat().st_mtime_ns == stamp, "what is there is kept"
    # Another batch size moves a latent by 1e-6.
    assert np.abs(pixels(out, prompts[0], 5).astype(int) - before).max() <= 1
    assert (out / file_name(prompts[1], 7)).is_file(), "and further images are added"


def test_base_and_strength_nought_are_one_model_and_the_adapter_is_another(sample, tmp_path):
    images = {}
    for name, words in {"base": ["--epoch", "base"], "none": ["--lora-scale", 0], "full": []}.items():
        listing = sample("--n", 1, *words, "--out", tmp_path / name, "--json")
        images[name] = pixels(listing["folder"], listing["images"][0]["prompt"], 0)
    assert np.array_equal(images["base"], images["none"])
    assert not np.array_equal(images["base"], images["full"])


def test_diffusers_own_scale_gives_the_same_images(short_run):
    """A plain pipeline with the exported adapter at half strength predicts what `--lora-scale 0.5` samples with."""
    import torch

    from tia2.finetune.policy.scaling import scaled
    from tia2.finetune.sampling.checkpoints import load_checkpoint
    from tia2.miniworld.generator import load_pipeline

    model = load_checkpoint(short_run, 2)
    plain = load_pipeline(checkpoint="halfway")
    plain.load_lora_weights(short_run.weights_path(2))
    latents = torch.randn((2, *model.latent_shape), generator=torch.Generator().manual_seed(0))
    times, texts = torch.tensor([800, 300]), model.embed(["two blue squares", "three red circles"])
    with torch.no_grad(), scaled(model, 0.5):
        ours = model.predict(latents, times, texts, 1.0)
        theirs = plain.unet(latents, times, encoder_hidden_states=texts, cross_attention_kwargs={"scale": 0.5}).sample
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_a_folder_holds_images_of_one_origin(cli, sample, short_run, tmp_path):
    out = tmp_path / "samples"
    sample("--n", 1, "--out", out, "--json")
    other = cli("finetune", "sample", short_run.path, "--n", 1, "--steps", 4, "--out", out, "--device", "cpu")
    assert other.code == 1
    assert "sampled in another way: choose another --out" in " ".join(other.err.split())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    done = cli("finetune", "sample", short_run.path, "--out", tmp_path / "full", "--device", "cpu")
    assert "is not empty and holds no samples" in " ".join(done.err.split())


def test_a_model_without_a_run_needs_prompts(cli, tmp_path):
    done = cli("finetune", "sample", "mini", "--device", "cpu")
    assert done.code == 1
    assert "A model needs prompts" in done.err
    done = cli("finetune", "sample", "mini", "--epoch", "peak")
    assert "is no run" in done.err
    words = ("--prompt", "a red circle", "--n", 1, "--steps", 2, "--guidance", 1)
    done = cli("finetune", "sample", "mini", *words, "--out", tmp_path / "out", "--device", "cpu")
    assert done.code == 0, done.err
    assert (tmp_path / "out" / "a-red-circle_000000.png").is_file()


@pytest.mark.parametrize(("epoch", "sentence"), [("7", "Epoch 7 was not evaluated"), ("best", "takes a number, peak")])
def test_a_checkpoint_that_is_not_there_is_named(cli, short_run, epoch, sentence):
    done = cli("finetune", "sample", short_run.path, "--epoch", epoch)
    assert done.code == 1
    assert sentence in " ".join(done.err.split())


def test_names_of_files_stay_apart_and_short():
    long = "a photo of " + "very " * 60 + "old dog"
    names = {file_name(prompt, 1) for prompt in ("a dog!", "a dog?", "A dog", long, long + "s", "猫", "犬")}
    assert len(names) == 7
    assert all(len(name) < 110 and name.isascii() for name in names)
