"""Memory of DDPO on a Stable Diffusion 2.1-base of full size, counted without a GPU and without its weights.

Run `python benchmarks/memory.py`. The networks are built of tensors that have a shape, a format and a device but no
contents. Every tensor that is alive at a time is counted, in a forward and backward pass through the UNet with an
adapter of rank 4, in sampling, and in decoding. Attention is counted as the kernels that keep no scores, and
normalisations in float32, as on a GPU; a backward pass of GPU tensors needs a GPU even so, so they are the CPU's. Not
counted: the workspace of kernels, fragmentation and the CUDA context (together some 1 to 2 GB), and the reward models.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Its neighbours are imported, also where another program runs this one.
sys.path.append(str(Path(__file__).resolve().parent))

import argparse
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from _ddpo_models import TEXT, UNET, VAE
from diffusers import AutoencoderKL, UNet2DConditionModel
from peft import LoraConfig
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import CLIPTextConfig, CLIPTextModel

GIB = 2**30
FORMATS = {"bfloat16": torch.bfloat16, "float32": torch.float32}


class Alive(TorchDispatchMode):
    """Counts the bytes of all storages that are alive, and the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0
        self._seen: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(returned):
            if isinstance(leaf, torch.Tensor):
                self._watch(leaf.untyped_storage())
        return returned

    def _watch(self, storage: torch.UntypedStorage) -> None:
        if storage in self._seen:
            return
        size = storage.nbytes()
        self._seen[storage] = size
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.now -= size


def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **_: Any) -> torch.Tensor:
    """Attention as fused kernels keep it: the output and one number per row."""
    if torch.is_autocast_enabled("cpu"):
        query, key, value = (part.to(torch.bfloat16) for part in (query, key, value))
    output: torch.Tensor = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value)[0]
    return output


def in_float32(norm: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Return a normalisation that computes in float32, as it does on a GPU where the rest is in bfloat16."""

    def computed(values: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        return norm(values.float(), *arguments, **options)

    return computed


@contextmanager
def counting() -> Iterator[Alive]:
    functional = torch.nn.functional
    replaced = {
        "scaled_dot_product_attention": attention,
        "group_norm": in_float32(functional.group_norm),
        "layer_norm": in_float32(functional.layer_norm),
    }
    with mock.patch.multiple(functional, **replaced), FakeTensorMode(), Alive() as alive:
        yield alive


def placed(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Give a module without contents parameters: frozen ones in this format, trained ones in float32."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                kept = torch.float32 if parameter.requires_grad else dtype
                contents = torch.empty(parameter.shape, device="cpu", dtype=kept)
                part._parameters[name] = nn.Parameter(contents, requires_grad=parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = torch.empty(buffer.shape, device="cpu", dtype=buffer.dtype)
    return module


def network(checkpointing: bool) -> Any:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**UNET).requires_grad_(False).eval()
        unet.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    if checkpointing:
        unet.enable_gradient_checkpointing()
    return unet


def of_unet(dtype: torch.dtype, pairs: int, side: int, train: bool, checkpointing: bool = False) -> tuple[float, float]:
    """Return GiB of the weights, and of what a pass over pairs of sample and step needs beside them."""
    unet = network(checkpointing)
    with counting() as alive:
        placed(unet, dtype)
        weights = alive.now
        alive.most = alive.now
        latents = torch.empty((2 * pairs, 4, side // 8, side // 8), device="cpu", dtype=dtype)  # guidance doubles
        texts = torch.empty((2 * pairs, 77, 1024), device="cpu", dtype=dtype)
        times = torch.ones(2 * pairs, device="cpu", dtype=torch.int64)
        with (
            torch.set_grad_enabled(train),
            torch.autocast("cpu", dtype, enabled=dtype != torch.float32),
        ):
            output = unet(latents, times, texts, return_dict=False)[0].float()
        if train:
            output.square().mean().backward()
        return weights / GIB, (alive.most - weights) / GIB


def of_decoding(images: int, side: int) -> tuple[float, float]:
    with torch.device("meta"):
        vae = AutoencoderKL(**VAE).requires_grad_(False).eval()
    with counting() as alive, torch.no_grad():
        placed(vae, torch.float32)
        weights = alive.now
        alive.most = alive.now
        vae.decode(torch.empty((images, 4, side // 8, side // 8), device="cpu"), return_dict=False)
        return weights / GIB, (alive.most - weights) / GIB


def of_text_encoder(dtype: torch.dtype) -> float:
    with torch.device("meta"):
        encoder = CLIPTextModel(CLIPTextConfig(**TEXT)).requires_grad_(False)
    with counting() as alive:
        placed(encoder, dtype)
        return alive.now / GIB


def main() -> int:
    parser = argparse.ArgumentParser(description="Count the memory of DDPO on Stable Diffusion 2.1-base.")
    parser.add_argument("--side", type=int, default=512, help="of the images")
    parser.add_argument("--precision", choices=list(FORMATS), default="bfloat16")
    parser.add_argument("--pairs", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    options = parser.parse_args()
    dtype = FORMATS[options.precision]
    print(f"{options.precision}, {options.side} pixels, guidance (two passes per pair), GiB of tensors, counted")
    print(f"text encoder {of_text_encoder(dtype):.2f}")
    print(f"{'pairs':>6}{'UNet':>8}{'training':>10}{'checkpointing':>15}{'sampling':>10}{'decoding':>10}")
    for pairs in options.pairs:
        weights, training = of_unet(dtype, pairs, options.side, train=True)
        _, saving = of_unet(dtype, pairs, options.side, train=True, checkpointing=True)
        _, sampling = of_unet(dtype, pairs, options.side, train=False)
        _, decoding = of_decoding(pairs, options.side)
        print(f"{pairs:6}{weights:8.2f}{training:10.2f}{saving:15.2f}{sampling:10.2f}{decoding:10.2f}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
