"""The one list of the reward models and families that come with tia2."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BuiltIn:
    """A reward model that comes with tia2, or a family of them, not imported yet.

    Attributes:
        name: The spec, or the part of it before the colon.
        target: "module:attribute" of the class or function that makes the model.
        summary: One line for lists.
        card: "module:attribute" of the card, or of a function from what follows the colon to the card.
        form: Form of the spec, for lists; the name if None.
        example: A full spec, for a family that can't go without a part after the colon.
        by_name: Whether the target gets the name as its only positional argument.
        of_another: Whether the spec of another reward follows the colon.
    """

    name: str
    target: str
    summary: str
    card: str
    form: str | None = None
    example: str | None = None
    by_name: bool = False
    of_another: bool = False


def _mini(name: str, summary: str) -> BuiltIn:
    module = "tia2.rewards.families.mini"
    return BuiltIn(name, f"{module}:load_mini", summary, f"{module}:mini_card", by_name=True)


def _family(
    name: str,
    module: str,
    attribute: str,
    summary: str,
    *,
    form: str | None = None,
    example: str | None = None,
    card: str = "CARD",
    of_another: bool = False,
) -> BuiltIn:
    path = f"tia2.rewards.families.{module}"
    target, facts = f"{path}:{attribute}", f"{path}:{card}"
    return BuiltIn(name, target, summary, facts, form=form, example=example, of_another=of_another)


def _preset(name: str, function: str, summary: str) -> BuiltIn:
    path = f"tia2.rewards.families.presets:{function}"
    return BuiltIn(name, path, summary, f"{path}_card")


BUILT_IN = {
    entry.name: entry
    for entry in (
        _mini("mini-strong", "tiny CLIP, trained with hard negatives"),
        _mini("mini-web", "tiny CLIP, trained on noisy captions"),
        _mini("mini-countblind", "tiny CLIP, never learnt counts and relations"),
        _mini("mini-vivid", "tiny CLIP, tuned to like saturated colours, too"),
        _family(
            "clip",
            "clip.clip",
            "ClipReward",
            "any CLIP of transformers",
            form="clip:FOLDER_OR_HUB_ID",
            example="clip:openai/clip-vit-large-patch14",
        ),
        _family(
            "open_clip",
            "open_clip.open_clip",
            "OpenClipReward",
            "any model of open_clip",
            form="open_clip:ARCHITECTURE/TAG",
            example="open_clip:ViT-L-14-quickgelu/openai",
            card="model_card",
        ),
        _family(
            "siglip",
            "siglip.siglip",
            "SiglipReward",
            "any SigLIP or SigLIP 2 of transformers",
            form="siglip:FOLDER_OR_HUB_ID",
            example="siglip:google/siglip2-base-patch16-224",
        ),
        _family("pickscore", "clip.pickscore", "PickScoreReward", "CLIP-H, trained on choices between two images"),
        _family(
            "hpsv2",
            "open_clip.hpsv2",
            "HpsV2Reward",
            "CLIP-H, trained on rankings of images",
            form="hpsv2:v2.0 or v2.1",
            example="hpsv2:v2.1",
            card="version_card",
        ),
        _family(
            "hpsv3",
            "scalar_head.hpsv3",
            "HpsV3Reward",
            "Qwen2-VL with a head of its own, trained on choices between two images",
        ),
        _family("blip2-itc", "blip.blip2", "Blip2ItcReward", "BLIP-2, contrastive head", card="ITC_CARD"),
        _family("blip2-itm", "blip.blip2", "Blip2ItmReward", "BLIP-2, matching head", card="ITM_CARD"),
        _family("blip-itc", "blip.blip", "BlipItcReward", "BLIP, contrastive head", card="ITC_CARD"),
        _family("blip-itm", "blip.blip", "BlipItmReward", "BLIP, matching head", card="ITM_CARD"),
        _family("imagereward", "blip.imagereward", "ImageReward", "BLIP, trained on rankings by experts"),
        _family(
            "cyclereward",
            "blip.cyclereward",
            "CycleReward",
            "BLIP, trained on cycle consistency",
            form="cyclereward:combo, t2i, i2t, or FOLDER",
            example="cyclereward:combo",
            card="variant_card",
        ),
        _family(
            "fga-blip2",
            "blip.fga_blip2",
            "FgaBlip2Reward",
            "BLIP-2, trained on EvalMuse's ratings of alignment, 1 to 5",
        ),
        _family(
            "vqascore",
            "vqascore.vqascore",
            "VqaScoreReward",
            "P(Yes) of a vision-language model",
            form="vqascore:FOLDER_OR_HUB_ID",
            example="vqascore:Qwen/Qwen2.5-VL-3B-Instruct",
        ),
        _family(
            "rated",
            "vqascore.rated",
            "RatedReward",
            "the rating that a vision-language model gives on average",
            form="rated:FOLDER_OR_HUB_ID",
            example="rated:CodeGoat24/UnifiedReward-qwen-7b",
        ),
        _family(
            "questions",
            "questions",
            "QuestionsReward",
            "TIFA, DSG, Soft-TIFA: a prompt's questions, answered",
            form="questions:vqascore:FOLDER_OR_HUB_ID",
            example="questions:vqascore:Qwen/Qwen2.5-VL-3B-Instruct",
            of_another=True,
        ),
        _family("aesthetic", "aesthetic", "AestheticReward", "control: beauty only, ignores the text"),
        _preset("paper-clip", "paper_clip", "baseline of arXiv:2404.01863"),
        _preset("paper-blip2", "paper_blip2", "baseline of arXiv:2404.01863"),
        _preset("paper-imagereward", "paper_imagereward", "baseline of arXiv:2404.01863"),
        _preset("paper-pickscore", "paper_pickscore", "baseline of arXiv:2404.01863"),
    )
}
"""By name, in the order of `tia2 rewards list`."""
