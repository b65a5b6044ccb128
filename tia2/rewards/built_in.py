"""The reward models and families that come with tia2."""

from __future__ import annotations

from tia2.rewards.record import Record

HOME = "tia2"


def _mini(name: str, summary: str) -> Record:
    module = "tia2.rewards.families.mini"
    return Record(name, f"{module}:load_mini", summary, HOME, card=f"{module}:mini_card", by_name=True)


def _family(
    name: str,
    module: str,
    attribute: str,
    summary: str,
    *,
    form: str | None = None,
    example: str | None = None,
    card: str = "CARD",
) -> Record:
    path = f"tia2.rewards.families.{module}"
    return Record(name, f"{path}:{attribute}", summary, HOME, form=form, example=example, card=f"{path}:{card}")


def _preset(name: str, function: str, summary: str) -> Record:
    path = f"tia2.rewards.families.presets:{function}"
    return Record(name, path, summary, HOME, card=f"{path}_card")


BUILT_IN = {
    record.name: record
    for record in (
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
        _family("blip2-itc", "blip.blip2", "Blip2ItcReward", "BLIP-2, contrastive head", card="ITC_CARD"),
        _family("blip2-itm", "blip.blip2", "Blip2ItmReward", "BLIP-2, matching head", card="ITM_CARD"),
        _family("blip-itc", "blip.blip", "BlipItcReward", "BLIP, contrastive head", card="ITC_CARD"),
        _family("blip-itm", "blip.blip", "BlipItmReward", "BLIP, matching head", card="ITM_CARD"),
        _family("imagereward", "blip.imagereward", "ImageReward", "BLIP, trained on rankings by experts"),
        _family(
            "vqascore",
            "vqascore.vqascore",
            "VqaScoreReward",
            "P(Yes) of a vision-language model",
            form="vqascore:FOLDER_OR_HUB_ID",
            example="vqascore:Qwen/Qwen2.5-VL-3B-Instruct",
        ),
        _family("aesthetic", "aesthetic", "AestheticReward", "control: beauty only, ignores the text"),
        _preset("paper-clip", "paper_clip", "baseline of arXiv:2404.01863"),
        _preset("paper-blip2", "paper_blip2", "baseline of arXiv:2404.01863"),
        _preset("paper-imagereward", "paper_imagereward", "baseline of arXiv:2404.01863"),
        _preset("paper-pickscore", "paper_pickscore", "baseline of arXiv:2404.01863"),
    )
}
"""By name."""
