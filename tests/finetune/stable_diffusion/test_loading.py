"""Folders and hub ids as they are: variants, missing parts, other kinds of models, and schedulers that ruin a run."""

import json
import shutil

import pytest
import torch

from tia2.errors import FinetuneError
from tia2.finetune.policy.loading import load_pipeline
from tia2.finetune.policy.model import DiffusionModel
from tia2.finetune.policy.prediction import check_prediction
from tia2.finetune.policy.resolve import resolve
from tia2.finetune.policy.schedule import NoiseSchedule
from tia2.finetune.settings.model import ModelSettings

KINDS = ("sd21-base", "sd21", "sd15")
PARTS = ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model")


def edit(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        if value is ...:
            content.pop(key)
        else:
            content[key] = value
    path.write_text(json.dumps(content), encoding="utf-8")


def weights(folder, name):
    from safetensors.torch import load_file

    return load_file(folder / f"{name}.safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_the_released_configurations_load_as_they_are(folders, kind):
    pipeline = load_pipeline(resolve(str(folders(kind))))
    assert pipeline.safety_checker is None
    assert pipeline.feature_extractor is None
    assert pipeline.vae_scale_factor == 8
    model = DiffusionModel(pipeline, ModelSettings())
    side = {"sd21-base": 64, "sd21": 96, "sd15": 64}[kind]
    assert model.latent_shape == (4, side, side)
    schedule = NoiseSchedule.of(pipeline.scheduler.config, 50)
    assert schedule.prediction == ("v_prediction" if kind == "sd21" else "epsilon")
    assert schedule.timesteps[[0, -1]].tolist() == [981, 1]
    kept = weights(folders(kind), PARTS[0])
    assert torch.equal(pipeline.unet.conv_in.weight, kept["conv_in.weight"])
    # Stable Diffusion 2 pads with "!", number 0; Stable Diffusion 1.5 with the end of the text.
    numbers = pipeline.tokenizer("a cat", padding="max_length").input_ids
    assert len(numbers) == 77
    assert (numbers[0], numbers[3], numbers[-1]) == (49406, 49407, 49407 if kind == "sd15" else 0)
    for side in (60, 12):
        sentence = f"multiple of 8.*got {side}: {side // 8 * 8} and {side // 8 * 8 + 8}"
        with pytest.raises(FinetuneError, match=sentence):
            DiffusionModel(pipeline, ModelSettings(resolution=side))


def test_half_precision_files_alone_are_taken(copied):
    folder = copied("sd21-base")
    from safetensors.torch import save_file

    for name in PARTS:
        half = {key: value.half() for key, value in weights(folder, name).items()}
        save_file(half, folder / f"{name}.fp16.safetensors", metadata={"format": "pt"})
        (folder / f"{name}.safetensors").unlink()
    pipeline = load_pipeline(resolve(str(folder)))
    model = DiffusionModel(pipeline, ModelSettings(lora=None))
    assert {part.dtype for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder)} == {torch.float32}
    half = weights(folder, f"{PARTS[0]}.fp16")
    assert torch.equal(model.unet.conv_in.weight, half["conv_in.weight"].float())


def test_full_precision_is_taken_where_both_are(copied):
    folder = copied("sd15")
    for name in PARTS:
        (folder / f"{name}.fp16.safetensors").write_bytes(b"not looked at")
    pipeline = load_pipeline(resolve(str(folder)))
    assert torch.equal(pipeline.unet.conv_in.weight, weights(folder, PARTS[0])["conv_in.weight"])


def test_a_folder_without_safetensors_is_taken(copied):
    folder = copied("sd21")
    for name in PARTS:
        kept = weights(folder, name)
        (folder / f"{name}.safetensors").unlink()
        torch.save(kept, folder / f"{name.replace('/model', '/pytorch_model')}.bin")
    loaded = load_pipeline(resolve(str(folder)))
    assert torch.equal(loaded.unet.conv_in.weight, torch.load(folder / f"{PARTS[0]}.bin")["conv_in.weight"])


@pytest.mark.parametrize(
    ("file", "changes", "sentence"),
    [
        ("scheduler/scheduler_config.json", {"steps_offset": 0}, "steps_offset is 0.*Expected steps_offset=1"),
        ("scheduler/scheduler_config.json", {"set_alpha_to_one": True}, "adds no noise.*set_alpha_to_one True"),
        ("scheduler/scheduler_config.json", {"clip_sample": ...}, "clip_sample is missing, which means true"),
        ("scheduler/scheduler_config.json", {"prediction_type": "sample"}, "a policy needs 'epsilon'"),
        ("unet/config.json", {"in_channels": 9}, "UNet takes 9 channels and a latent has 4.*inpainting"),
        ("unet/config.json", {"addition_embed_type": "text_time", "addition_time_embed_dim": 8,
                              "projection_class_embeddings_input_dim": 80}, "Stable Diffusion XL"),
        ("model_index.json", {"text_encoder": ["transformers", "NoSuchModel"]}, "can't be loaded"),
        ("unet/config.json", {"block_out_channels": [20, 40, 80]}, "can't be loaded"),
    ],
    ids=["offset", "alpha", "clip", "sample", "inpainting", "xl", "part", "damaged"],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_in_one_line(copied, file, changes, sentence):
    folder = copied("sd21")
    edit(folder / file, **changes)
    if file.startswith("unet"):  # the weights fit the configuration, as a real model's do
        import diffusers

        if "block_out_channels" not in changes:
            config = json.loads((folder / file).read_text(encoding="utf-8"))
            diffusers.UNet2DConditionModel.from_config(config).save_pretrained(folder / "unet")
    with pytest.raises(FinetuneError, match=sentence) as caught:
        load_pipeline(resolve(str(folder)))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_the_command_says_so_before_it_loads_or_writes_anything(cli, copied, tmp_path):
    folder = copied("sd21-base")
    edit(folder / "scheduler/scheduler_config.json", steps_offset=0)
    shutil.rmtree(folder / "unet")
    done = cli("finetune", "run", "mini-ddpo", "--set", f"model.name={folder}", "--out", tmp_path / "run")
    assert done.code == 1
    words = " ".join(done.err.split())
    assert "Expected steps_offset=1 and set_alpha_to_one=false" in words
    assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists()


class Converted(torch.nn.Module):
    """A network that predicts v as one that predicts ε, exactly: ε = √ᾱ v + √(1 − ᾱ) x."""

    def __init__(self, unet, alphas):
        super().__init__()
        self.unet, self.alphas, self.config = unet, alphas.float(), unet.config

    def forward(self, sample, timesteps, **arguments):
        share = self.alphas[timesteps].view(-1, 1, 1, 1)
        (velocity,) = self.unet(sample, timesteps, **arguments)
        return (share.sqrt() * velocity + (1 - share).sqrt() * sample,)


def test_a_network_that_predicts_something_else_than_its_scheduler_says_is_refused(folders):
    """The miniature model is a trained one; random weights predict neither and aren't judged."""
    from diffusers.configuration_utils import FrozenDict

    model = DiffusionModel.load(ModelSettings(name="mini-halfway"))
    check_prediction(model)
    config = model.pipeline.scheduler.config
    model.pipeline.scheduler._internal_dict = FrozenDict({**config, "prediction_type": "epsilon"})
    with pytest.raises(FinetuneError, match="predicts v_prediction and its scheduler says epsilon"):
        check_prediction(model)
    model.unet = Converted(model.unet, model.pipeline.scheduler.alphas_cumprod)
    check_prediction(model)
    model.pipeline.scheduler._internal_dict = config
    with pytest.raises(FinetuneError, match="predicts epsilon and its scheduler says v_prediction"):
        check_prediction(model)
    check_prediction(DiffusionModel(load_pipeline(resolve(str(folders("sd21")))), ModelSettings(resolution=64)))


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """A hub cache of this test's own and no network."""
    import huggingface_hub.constants

    root = tmp_path / "hub"
    root.mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(root))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return root


def test_a_moved_id_is_loaded_from_the_cache_without_a_network(folders, hub_cache):
    repository = hub_cache / "models--sd2-community--stable-diffusion-2-1-base"
    snapshot = repository / "snapshots" / ("0" * 40)
    shutil.copytree(folders("sd21-base"), snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40, encoding="utf-8")
    source = resolve("stabilityai/stable-diffusion-2-1-base")
    assert source.notice
    pipeline = load_pipeline(source)
    assert torch.equal(pipeline.unet.conv_in.weight, weights(snapshot, PARTS[0])["conv_in.weight"])


def test_an_id_that_is_not_in_the_cache_gets_one_line(hub_cache):
    with pytest.raises(FinetuneError, match="stabilityai/stable-diffusion-2-1 can't be loaded") as caught:
        load_pipeline(resolve("stabilityai/stable-diffusion-2-1"))
    assert "\n" not in str(caught.value)
