"""Models of the open_clip library: found by architecture and tag, folder, file or hub id, and loaded strictly."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError, missing_dependency, unknown_name
from tia2.files import json_of
from tia2.rewards.loading.checkpoints import layer_count, load_strict, read_state_dict
from tia2.rewards.loading.hub import commit_of, fetch_folder, is_hub_id
from tia2.rewards.loading.pixels import Preprocessing
from tia2.rewards.loading.uninitialised import undrawn

if TYPE_CHECKING:
    import torch

HUB_PREFIX = "hf-hub:"
CONFIG = "open_clip_config.json"
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
)
"""Where a folder may hold the weights, best first; any other .safetensors, .bin, .pth or .pt after these."""

QUICK = "-quickgelu"
"""How open_clip's names mark architectures with OpenAI's faster, coarser GELU."""

OPENAI_KEYS = ("input_resolution", "context_length", "vocab_size")
"""Entries of OpenAI's checkpoints that are no weights."""

TOKENIZER_OF_CLIP = "ViT-B-32"
"""An architecture with OpenAI's tokenizer."""

RESAMPLE = {"bicubic": 3, "bilinear": 2, "random": 3}


@dataclass(frozen=True)
class Source:
    """What a spec of open_clip stands for.

    Attributes:
        model: Name of the model in open_clip's own functions.
        config: The architecture.
        preprocessing: Settings of the preprocessing, or empty for open_clip's defaults.
        checkpoint: The file with the weights.
        files: Further files that decide the rewards.
        name: Name of the model.
        hub_id: Where it came from, or None.
        revision: The commit on the hub, or None.
    """

    model: str
    config: dict[str, Any]
    preprocessing: dict[str, Any]
    checkpoint: Path
    name: str
    files: list[Path] = field(default_factory=list)
    hub_id: str | None = None
    revision: str | None = None


def library() -> Any:
    """Return the open_clip library.

    Raises:
        MissingDependencyError: It isn't installed.
    """
    try:
        import open_clip
    except ImportError as error:
        if error.name not in ("open_clip", "torchvision", "timm", "ftfy", "regex"):
            raise
        raise missing_dependency(
            f"The rewards open_clip: and hpsv2: need open_clip_torch ({error})", "open_clip"
        ) from None
    return open_clip


def find(source: str, revision: str | None = None) -> Source:
    """Find a model of open_clip.

    Args:
        source: "ARCHITECTURE/TAG", "ARCHITECTURE/path/to/checkpoint", a folder with an open_clip_config.json, a file of
            OpenAI's own, or "hf-hub:organisation/model".
        revision: Branch, tag or commit on the hub, for the last form.

    Raises:
        UnknownNameError: No such architecture or tag.
        RewardError: Files are missing, or the weights were trained with another activation than the architecture has.
    """
    if source.startswith(HUB_PREFIX):
        hub_id = source.removeprefix(HUB_PREFIX)
        if not is_hub_id(hub_id):
            raise RewardError(f"{hub_id!r} is no hub id (organisation/model).")
        folder = fetch_folder(hub_id, revision, [CONFIG, "open_clip_*", "*.json", "*.txt", "*.model"])
        return _from_folder(folder, hub_id)
    if revision is not None:
        raise RewardError(f"revision={revision!r} is for models named hf-hub:organisation/model, not for {source!r}.")
    local = Path(source).expanduser()
    if local.is_dir():
        return _from_folder(local, None)
    if local.is_file():
        return Source(TOKENIZER_OF_CLIP, openai_config(checkpoint_state(local), str(local)), {}, local, name=local.stem)
    return _by_architecture(source)


def build(source: Source) -> Any:
    """Make a model and load its weights, in float32 on the CPU.

    Raises:
        RewardError: The weights can't be read, or don't fit the architecture.
    """
    model = make(source.config)
    state = checkpoint_state(source.checkpoint)
    fit(model, state, str(source.checkpoint))
    return model.eval()


def make(config: Mapping[str, Any]) -> Any:
    """Make a model of this architecture. Its weights are nobody's yet: `fit` loads them.

    Raises:
        RewardError: It is no architecture that open_clip knows.
    """
    open_clip = library()
    wanted = dict(config)
    hf_text = "hf_model_name" in wanted.get("text_cfg", {})
    custom = wanted.pop("custom_text", False) or hf_text
    # What a checkpoint brings need not be downloaded first.
    wanted["text_cfg"] = {**wanted.get("text_cfg", {}), **({"hf_model_pretrained": False} if hf_text else {})}
    if "timm_model_name" in wanted.get("vision_cfg", {}):
        wanted["vision_cfg"] = {**wanted["vision_cfg"], "timm_model_pretrained": False}
    kind = (open_clip.CoCa if "multimodal_cfg" in wanted else open_clip.CustomTextCLIP) if custom else open_clip.CLIP
    try:
        with undrawn():
            return kind(**wanted)
    except (TypeError, KeyError, ValueError, RuntimeError, AttributeError) as error:
        raise RewardError(f"open_clip can't make this architecture: {' '.join(str(error).split())}") from None


def fit(model: torch.nn.Module, state: dict[str, torch.Tensor], where: str) -> None:
    """Load weights of any layout that open_clip converts, strictly.

    Raises:
        RewardError: Weights are missing, left over, or of another shape.
    """
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    state = convert_state_dict(model, dict(state))
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    expected = model.state_dict()
    for scalar in ("logit_scale", "logit_bias"):
        if scalar in state and scalar in expected:
            state[scalar] = state[scalar].reshape(expected[scalar].shape)
    load_strict(model, state, where, ignore=(r"(^|\.)position_ids$", r"^attn_mask$"))


def checkpoint_state(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint: a state dict, or OpenAI's TorchScript archive, of which only tensors are taken.

    Raises:
        RewardError: It can't be read.
    """
    import torch

    if is_archive(path):
        jit: Any = torch.jit
        try:
            state = dict(jit.load(str(path), map_location="cpu").state_dict())
        except (RuntimeError, OSError) as error:
            raise RewardError(
                f"{path} can't be read as a TorchScript archive: {' '.join(str(error).split())}"
            ) from None
    else:
        state = read_state_dict(path)
    prefix = "module."
    if state and all(key.startswith(prefix) for key in state):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return {key: value for key, value in state.items() if key not in OPENAI_KEYS}


def is_archive(path: Path) -> bool:
    """Whether a checkpoint is a TorchScript archive, as OpenAI's own files are."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def preprocessing_of(source: Source, model: Any) -> Preprocessing:
    """Return what open_clip's own transform does to RGB images for a model.

    Raises:
        RewardError: It resizes in a way that is not supported.
    """
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    settings = merge_preprocess_dict(PreprocessCfg(), source.preprocessing)
    size = model.visual.image_size
    height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    squash, shortest = settings["resize_mode"] == "squash", settings["resize_mode"] == "shortest" and height == width
    if not (squash or shortest) or settings["interpolation"] not in RESAMPLE:
        raise RewardError(
            f"{source.name} resizes images to {height}x{width} by mode {settings['resize_mode']!r} and "
            f"{settings['interpolation']!r}; supported are 'squash', and 'shortest' to squares, bicubic or bilinear."
        )
    mean, std = settings["mean"], settings["std"]
    return Preprocessing(
        resize=(height, width) if squash else height,
        crop=None if squash else (height, width),
        resample=RESAMPLE[settings["interpolation"]],
        scale=1 / 255,
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        std=(float(std[0]), float(std[1]), float(std[2])),
        rounding="even",
    )


def openai_config(state: Mapping[str, torch.Tensor], where: str) -> dict[str, Any]:
    """Return the architecture of a checkpoint of OpenAI's vision transformers, from the shapes of its weights.

    Heads are 64 wide and the activation is the quick GELU, as in all of OpenAI's.

    Raises:
        RewardError: It is of another kind.

    Source: openai/CLIP clip/model.py, `build_model`.
    """
    try:
        width, _, patch, _ = state["visual.conv1.weight"].shape
        grid = math.isqrt(state["visual.positional_embedding"].shape[0] - 1)
        context, text_width = state["positional_embedding"].shape
        vocabulary, embed_dim = state["token_embedding.weight"].shape[0], state["text_projection"].shape[1]
    except (KeyError, ValueError, IndexError):
        raise RewardError(
            f"{where} is no vision transformer in OpenAI's layout: name its architecture, ARCHITECTURE/{where}."
        ) from None
    return {
        "embed_dim": embed_dim,
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": grid * patch,
            "layers": layer_count(state, r"visual\.transformer\.resblocks"),
            "width": width,
            "head_width": 64,
            "patch_size": patch,
        },
        "text_cfg": {
            "context_length": context,
            "vocab_size": vocabulary,
            "width": text_width,
            "heads": max(1, text_width // 64),
            "layers": layer_count(state, r"transformer\.resblocks"),
        },
    }


def _by_architecture(source: str) -> Source:
    open_clip = library()
    architecture, slash, rest = source.partition("/")
    config = open_clip.get_model_config(architecture)
    if config is None:
        raise unknown_name("open_clip architecture", architecture, open_clip.list_models())
    if not slash or not rest:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(architecture)) or "none"
        raise RewardError(f"Which weights of {architecture}? Expected {architecture}/TAG or /PATH; tags: {tags}.")
    local = Path(rest).expanduser()
    if local.is_file():
        _check_openai_activation(architecture, config, local)
        return Source(architecture, config, {}, local, name=f"{architecture}/{local.stem}")
    tag = open_clip.pretrained.get_pretrained_cfg(architecture, rest)
    if not tag:
        raise unknown_name(f"weights of {architecture}", rest, open_clip.list_pretrained_tags_by_model(architecture))
    check_activation(architecture, config, rest, quick=bool(tag.get("quick_gelu", False)))
    try:
        checkpoint = Path(open_clip.pretrained.download_pretrained(tag))
    except Exception as error:  # whatever the hub's library and urllib raise
        raise RewardError(
            f"The weights {source} can't be downloaded: {' '.join(str(error).split())} Check the network, or give a "
            f"local checkpoint: {architecture}/PATH."
        ) from None
    hub_id = str(tag.get("hf_hub", "")).strip("/") or None
    return Source(
        architecture, config, dict(tag), checkpoint, name=source, hub_id=hub_id, revision=commit_of(checkpoint)
    )


def check_activation(architecture: str, config: Mapping[str, Any], weights: str, *, quick: bool) -> None:
    """Raise a RewardError where weights would run with another activation than they were trained with.

    Args:
        architecture: Its name.
        config: Its configuration.
        weights: Name of the weights in the error.
        quick: Whether they were trained with OpenAI's faster GELU.
    """
    if bool(config.get("quick_gelu", False)) == quick:
        return
    right = f"{architecture}{QUICK}" if quick else architecture.removesuffix(QUICK)
    trained = "OpenAI's quick GELU" if quick else "GELU"
    exists = right in library().list_models() and right != architecture
    advice = f"use {right}/{weights}" if exists else "open_clip has no such architecture with it"
    raise RewardError(
        f"The weights {weights!r} were trained with {trained}, and {architecture} has the other activation, which "
        f"changes every reward: {advice}."
    )


def _check_openai_activation(architecture: str, config: Mapping[str, Any], checkpoint: Path) -> None:
    """Only OpenAI's own files say, by being TorchScript archives, which activation they need."""
    if is_archive(checkpoint):
        check_activation(architecture, config, str(checkpoint), quick=True)


def _from_folder(folder: Path, hub_id: str | None) -> Source:
    where = hub_id or str(folder)
    path = folder / CONFIG
    if not path.is_file():
        raise RewardError(f"{where} is incomplete: {CONFIG} missing.")
    try:
        content = json_of(path.read_text(encoding="utf-8"))
        config, preprocessing = dict(content["model_cfg"]), dict(content.get("preprocess_cfg", {}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RewardError(
            f"{where}: {CONFIG} can't be read ({type(error).__name__}: {error}); expected model_cfg."
        ) from None
    others = sorted(path for path in folder.iterdir() if path.suffix in (".safetensors", ".bin", ".pth", ".pt"))
    first = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if first is None and len(others) > 1:
        raise RewardError(f"{where} holds several checkpoints ({', '.join(path.name for path in others)}).")
    if first is None and not others:
        raise RewardError(f"{where} is incomplete: {WEIGHTS[0]} missing.")
    return Source(
        model=f"local-dir:{folder}",
        config=config,
        preprocessing=preprocessing,
        checkpoint=first or others[0],
        name=hub_id or folder.resolve().name,
        files=[path],
        hub_id=hub_id,
        revision=commit_of(folder) if hub_id else None,
    )
