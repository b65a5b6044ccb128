"""Files and weights of a Qwen2-VL whose language model ends in a head of its own instead of words."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tia2.errors import RewardError
from tia2.rewards.families.blip.upstream import part
from tia2.rewards.families.scalar_head.instruction import REWARD
from tia2.rewards.loading.checkpoints import check_keys, read_state_dict, shape_text
from tia2.rewards.loading.hub import commit_of, fetch_file, fetch_folder, is_hub_id
from tia2.rewards.loading.transformers_files import PretrainedFiles, find_processor
from tia2.rewards.loading.transformers_models import quiet_transformers

if TYPE_CHECKING:
    from tia2.rewards.loading.checkpoints import StateDict

MODEL_TYPE = "qwen2_vl"
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
HEAD = (0, 3, 5)
"""The head's linear layers by their numbers in the checkpoint; between them lie ReLUs, and dropout, which is off."""

BASE_FILES = ("*.json", "*.txt", "*.jinja")
"""What is taken of the base model: no weights, since the checkpoint has all of them."""


@dataclass(frozen=True)
class ScalarHeadFiles:
    """Where a checkpoint and the configuration of its base model are.

    Attributes:
        checkpoint: File of the weights.
        base: Configuration, tokenizer and image processor of the base model.
        hub_id: Id of the checkpoint's repository on the hub, or None.
        revision: The commit there, or None.
    """

    checkpoint: Path
    base: PretrainedFiles
    hub_id: str | None
    revision: str | None

    def all(self) -> list[Path]:
        """Return every file that can change a reward."""
        listed = {path for pattern in BASE_FILES for path in self.base.folder.glob(pattern)}
        return [self.checkpoint, *sorted(listed - {self.base.folder / "card.json"})]


def find(source: str, revision: str | None, base: str | None, *, name: str, base_id: str) -> ScalarHeadFiles:
    """Find a checkpoint and its base model.

    Args:
        source: A folder with the checkpoint, its path, or a hub id.
        revision: Branch, tag or commit of the checkpoint's repository.
        base: A folder or hub id of the base model. If None: the checkpoint's folder, or the only folder in it, that has
            a config.json; or else `base_id`.
        name: Name of the checkpoint in its folder or repository.
        base_id: Hub id of the base model.

    Raises:
        RewardError: Something is not there, or of another kind of model.
    """
    local = Path(source).expanduser()
    hub_id: str | None = None
    if local.exists() or local.suffix in SUFFIXES:
        if revision is not None:
            raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is on this machine.")
        checkpoint = _in_folder(local, name) if local.is_dir() else local
        folders = [checkpoint.parent, *sorted(path for path in checkpoint.parent.iterdir() if path.is_dir())]
        inside = [folder for folder in folders if (folder / "config.json").is_file()]
        base = base or (str(inside[0]) if len(inside) == 1 or checkpoint.parent in inside else None)
    elif is_hub_id(source):
        hub_id, checkpoint = source, fetch_file(source, name, revision)
    else:
        raise RewardError(f"There is no folder {source!r}, and it is no hub id (organisation/model) either.")
    wanted = base or base_id
    if is_hub_id(wanted) and not Path(wanted).expanduser().is_dir():
        fetch_folder(wanted, None, BASE_FILES)
    files = find_processor(wanted)
    if not files.config:
        raise RewardError(f"{files.where} is incomplete: config.json missing.")
    if (kind := files.config.get("model_type")) != MODEL_TYPE:
        raise RewardError(f"{files.where} holds a model of type {kind!r}; the base model is a {MODEL_TYPE}: set base=.")
    files.check_complete("vocab.txt" if not (files.folder / "vocab.json").is_file() else "vocab.json", weights=False)
    return ScalarHeadFiles(checkpoint, files, hub_id, commit_of(checkpoint) if hub_id else None)


def load_words(files: ScalarHeadFiles) -> Any:
    """Load the base model's tokenizer, and add the token at which the head reads.

    Raises:
        RewardError: It can't be read.
    """
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            words = AutoTokenizer.from_pretrained(files.base.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise RewardError(f"The tokenizer of {files.base.where} can't be read: {_one_line(error)}") from None
    words.add_tokens([AddedToken(REWARD, special=True, normalized=False)], special_tokens=True)
    return words


def load(files: ScalarHeadFiles, words: int, dtype: torch.dtype) -> tuple[Any, nn.Sequential]:
    """Load the body without its words, in its number format, and the head in float32; both on the CPU.

    Args:
        files: Files of the model.
        words: Number of the tokenizer's tokens, the added one included.
        dtype: Number format of the body.

    Raises:
        RewardError: The weights can't be read, or their names or shapes are those of another model.
    """
    state = read_state_dict(files.checkpoint)
    where = str(files.hub_id or files.checkpoint)
    head = _head(part(state, "rm_head."), where)
    rows = state["model.embed_tokens.weight"].shape[0] if "model.embed_tokens.weight" in state else 0
    if rows < words:
        raise RewardError(
            f"{where} has {rows} token embeddings (model.embed_tokens); {files.base.where} with {REWARD} has {words} "
            "tokens: another base model, or no HPSv3."
        )
    body = {f"language_model.{key}": value for key, value in part(state, "model.").items()}
    body |= {key: value for key, value in state.items() if key.startswith("visual.")}
    unused = ("model.", "visual.", "rm_head.", "lm_head.")
    check_keys(where, [], [key for key in state if not key.startswith(unused)])
    return _body(files, body, rows, dtype, where), head


def _in_folder(folder: Path, name: str) -> Path:
    if (folder / name).is_file():
        return folder / name
    checkpoints = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if len(checkpoints) > 1:
        raise RewardError(f"{folder} holds several checkpoints ({', '.join(p.name for p in checkpoints)}): name one.")
    if not checkpoints:
        raise RewardError(f"{folder} is incomplete: {name} missing.")
    return checkpoints[0]


def _head(state: Mapping[str, torch.Tensor], where: str) -> nn.Sequential:
    shapes = [tuple(state[f"{number}.weight"].shape) for number in HEAD if f"{number}.weight" in state]
    if len(shapes) < len(HEAD) or any(len(shape) != 2 for shape in shapes):
        raise RewardError(f"{where} is no HPSv3: expected rm_head.{{{', '.join(map(str, HEAD))}}}.weight.")
    linear = [nn.Linear(columns, rows) for rows, columns in shapes]
    head = nn.Sequential(linear[0], nn.ReLU(), nn.Dropout(0.0), linear[1], nn.ReLU(), linear[2])
    wanted = head.state_dict()
    misshaped = [
        f"rm_head.{key} {shape_text(state[key].shape)}, expected {shape_text(wanted[key].shape)}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    missing = [f"rm_head.{key}" for key in wanted if key not in state]
    check_keys(where, missing, [f"rm_head.{key}" for key in state if key not in wanted], misshaped)
    head.load_state_dict({key: state[key].float() for key in wanted})
    return head.eval()


def _body(files: ScalarHeadFiles, state: StateDict, rows: int, dtype: torch.dtype, where: str) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import Qwen2VLConfig, Qwen2VLModel

    unreadable = (OSError, RuntimeError, ValueError, TypeError, AttributeError, KeyError, pickle.UnpicklingError)
    try:
        with quiet_transformers():
            config = Qwen2VLConfig.from_pretrained(files.base.folder, local_files_only=True)
            # Upstream resizes the embeddings to the tokenizer's tokens, whatever the base's configuration says.
            config.text_config.vocab_size = rows
            body, report = Qwen2VLModel.from_pretrained(
                None,
                config=config,
                state_dict=state,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except (*unreadable, StrictDataclassError) as error:
        raise RewardError(f"The weights of {where} can't be used: {_one_line(error)}") from None
    misshaped = [
        f"{key} {shape_text(got)}, expected {shape_text(wanted)}" for key, got, wanted in report["mismatched_keys"]
    ]
    check_keys(where, report["missing_keys"], report["unexpected_keys"], misshaped)
    return body.eval()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
