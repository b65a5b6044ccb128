"""The family `siglip:`: any SigLIP or SigLIP 2 of transformers, of a fixed resolution or NaFlex.

References:
    Zhai et al., Sigmoid Loss for Language Image Pre-Training, arXiv:2303.15343.
    Tschannen et al., SigLIP 2: Multilingual Vision-Language Encoders with Improved Semantic Understanding,
    Localization, and Dense Features, arXiv:2502.14786.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tia2.rewards.card import RewardCard
from tia2.rewards.dual import DualEncoder
from tia2.rewards.families.siglip.naflex import NaflexPreprocessing, siglip_defaults
from tia2.rewards.families.siglip.tokenizer import load_siglip_tokenizer
from tia2.rewards.loading.pixels import Preprocessing
from tia2.rewards.loading.tokens import PaddedTokens
from tia2.rewards.loading.transformers_files import PretrainedFiles, find_model
from tia2.rewards.loading.transformers_models import load_model
from tia2.rewards.options import EncoderKeywords, EncoderOptions, takes_encoder_options
from tia2.rewards.pretrained import LoadedEncoder, PlacedModel, PretrainedEncoder

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from typing_extensions import Unpack

    from tia2.rewards.base import Rewards

CLASSES = {"siglip": "SiglipModel", "siglip2": "Siglip2Model"}
"""Class of the model in transformers, by `model_type`. Its `siglip2` is NaFlex only: SigLIP 2 of a fixed resolution is
a SiglipModel."""

TOKENIZER = ("spiece.model",)
"""Files that make SigLIP 1's tokenizer where there is no tokenizer.json."""

CARD = RewardCard(
    name="siglip",
    kind="dual encoder",
    formula="exp(learnt logit scale) * cosine of image and text embedding + learnt bias",
    unit="logit",
    range=(None, None),
    preprocessing="the checkpoint's own (PIL filters): RGB, resize to a square, normalise to -1 to 1; NaFlex: "
    "resize to at most 256 patches, keeping the aspect ratio",
    text_limit=64,
    text_policy="truncate",
    licence="that of the checkpoint (Google's: Apache-2.0)",
    # A softmax of these logits over texts has the scale of the sigmoid loss; CLIP's softmax is about as sharp.
    default_temperature=1.0,
    paper="arXiv:2303.15343, arXiv:2502.14786",
    training_data="that of the checkpoint (Google's: WebLI, unpublished)",
    notes="The sigmoid of the reward is the model's probability of a match. The reward is the logit itself, because "
    "the sigmoid rounds to 0 or 1 where images still differ. Texts are filled up to the limit on the right and "
    "no mask hides the filling, as in training. The range is the bias plus and minus the exponential of the learnt "
    "scale; loading the model shows it.",
)
"""The facts about every SigLIP before it is loaded."""


class SiglipReward(PretrainedEncoder, DualEncoder):
    """SigLIP's logit: exp(logit_scale) * <f(image), g(text)> / (|f(image)| |g(text)|) + logit_bias.

    It equals `logits_per_image` of transformers; its sigmoid is the probability of a match. Preprocessing is that of
    transformers' PIL image processor on images converted to RGB first. Texts go to the checkpoint's own tokenizer and
    are filled up to the limit (64 tokens in the published models) on the right. Where a SigLIP 2 names Gemma's
    tokenizer, which keeps capitals, transformers' Siglip2Tokenizer takes its place and lower-cases, as in training.

    Args:
        source: A folder in the layout of transformers, or the id of a model on the Hugging Face Hub.
        **options: Fields of `tia2.rewards.options.EncoderOptions`: device, dtype, revision, text_policy, name,
            batch_size.

    Raises:
        MissingDependencyError: The tokenizer of SigLIP 1 needs sentencepiece and protobuf.
        RewardError: The files are missing, damaged, of another architecture, or don't fit the configuration.
    """

    base_card = CARD

    @takes_encoder_options
    def __init__(self, source: str | Path, **options: Unpack[EncoderKeywords]) -> None:
        shared = EncoderOptions(**options)
        files = find_model(str(source), shared.revision, CLASSES)
        files.check_complete(*TOKENIZER)
        preprocessing = _preprocessing(files)
        model = PlacedModel.of(load_model(files, CLASSES[files.config["model_type"]]), shared)
        if isinstance(preprocessing, NaflexPreprocessing):
            preprocessing.check_patch(model.module.config.vision_config.patch_size, str(files.folder))
        else:
            preprocessing.check_output(model.module.config.vision_config.image_size, str(files.folder))
        self._scale = np.exp(model.scalars["logit_scale"])
        self._bias = model.scalars["logit_bias"]
        loaded = _loaded(
            files, preprocessing, model, (float(self._bias - self._scale), float(self._bias + self._scale))
        )
        super().__init__(loaded, shared)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Embed one batch of texts, filled up to the limit and without a mask: (n, d)."""
        return self._embed_texts(texts)

    def similarity(self, image_features: Rewards, text_features: Rewards) -> Rewards:
        """Compare normalised features in float32: exp(logit_scale) * cosine + logit_bias, (n_images, n_texts)."""
        logits: Rewards = self._scale * super().similarity(image_features, text_features) + self._bias
        return logits


def _preprocessing(files: PretrainedFiles) -> Preprocessing | NaflexPreprocessing:
    if CLASSES[files.config["model_type"]] == "Siglip2Model":
        return NaflexPreprocessing.from_config(files.preprocessing)
    return Preprocessing.from_config(siglip_defaults(files.preprocessing, resample=3))


def _loaded(
    files: PretrainedFiles,
    preprocessing: Preprocessing | NaflexPreprocessing,
    model: PlacedModel,
    logit_range: tuple[float, float],
) -> LoadedEncoder:
    module = model.module
    text_config = module.config.text_config
    tokenizer = load_siglip_tokenizer(files, text_config.vocab_size)
    limit = int(min(text_config.max_position_embeddings, tokenizer.model_max_length))
    # The tower pools at the last position, so every text is filled up to have all of them.
    tokens = PaddedTokens(tokenizer, limit, filler=tokenizer.pad_token_id, to_limit=True)
    keeps_capitals = tokens.ids(["A Red Cube"]) != tokens.ids(["a red cube"])

    def text_features(texts: Sequence[str]) -> torch.Tensor:
        features: torch.Tensor = module.text_model(input_ids=tokens.batch(texts, model.device)).pooler_output
        return features

    # Patch size and number are in the files, so NaFlex's digest names only how patches are resized and normalised.
    digested = preprocessing.pixels_as if isinstance(preprocessing, NaflexPreprocessing) else preprocessing
    return LoadedEncoder(
        name=files.name,
        preprocessing=preprocessing,
        image_tower=_image_tower(model, preprocessing),
        dtype=model.dtype,
        device=model.device,
        parameters=model.parameters,
        files=[*files.weights(), *files.small_files()],
        tokens=tokens,
        text_tower=text_features,
        facts={
            "hub_id": files.hub_id,
            "revision": files.revision,
            "range": logit_range,
            "tokenizer": f"{type(tokenizer).__name__}, {'keeps capitals' if keeps_capitals else 'lower-cases'}",
            **files.card,
        },
        settings={"preprocessing": str(digested)},
        card_file=files.folder / "card.json",
    )


def _image_tower(
    model: PlacedModel, preprocessing: Preprocessing | NaflexPreprocessing
) -> Callable[[Sequence[NDArray[np.uint8]]], torch.Tensor]:
    if isinstance(preprocessing, Preprocessing):
        return model.image_tower(preprocessing, lambda pixels: model.module.vision_model(pixels).pooler_output)
    patches_of = preprocessing.normalise

    def tower(prepared: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        import torch

        patches, mask, shapes = map(torch.from_numpy, patches_of(prepared))
        features: torch.Tensor = model.module.get_image_features(
            pixel_values=patches.to(model.device, model.dtype),
            pixel_attention_mask=mask.to(model.device),
            spatial_shapes=shapes.to(model.device),
        ).pooler_output
        return features

    return tower
