"""Example values that authors publish for the real weights of a reward model, and where each was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

COCO_CATS = "http://images.cocodataset.org/val2017/000000039769.jpg"
_RAW = "https://raw.githubusercontent.com"
_IMAGEREWARD = f"{_RAW}/THUDM/ImageReward/c1392c6dd0fd6ecd6d416c96959ab744a6d0a8fb"
_CLIP = f"{_RAW}/openai/CLIP/d05afc436d78f1c48dc0dbf8e5980a9d471f35f6"
_LAVIS = f"{_RAW}/salesforce/LAVIS/506965b9c4a18c1e565bd32acaccabe0198433f7"
_BLIP = "https://github.com/salesforce/BLIP/blob/056a169437371659074aa2732649d5de3bffb4a8"


@dataclass(frozen=True)
class PublishedImage:
    """An image of a published example.

    Attributes:
        url: Where it is.
        sha256: Digest of the published file, if known.
    """

    url: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Example:
    """The rewards that someone published for some images and texts.

    Attributes:
        rewards: The specs that stand for the weights it was published for.
        images: n_images images.
        texts: n_texts texts.
        expected: The published values, one row per image.
        quantity: Meaning of the values: the reward times `scale`, or its softmax over the texts, or its sigmoid.
        tolerance: The largest difference that counts as the same; authors ran other devices and number formats.
        source: Where it was read.
        by: Who published it.
        scale: Factor of the reward before that.
    """

    rewards: tuple[str, ...]
    images: tuple[PublishedImage, ...]
    texts: tuple[str, ...]
    expected: tuple[tuple[float, ...], ...]
    quantity: Literal["reward", "softmax over the texts", "sigmoid"]
    tolerance: float
    source: str
    by: str = "its authors"
    scale: float = 1.0


_CLIP_IMAGE = PublishedImage(f"{_CLIP}/CLIP.png", "308a3ca4503f1c7a07803916c369d78c4ef501e5ab7fc727da9b5e1d2f9ec85b")
_MERLION = PublishedImage(
    f"{_LAVIS}/docs/_static/merlion.png", "f1f3b6a507ec92e8f47ac6d7c64e11b03fcba8c550bcb6851f80e261e8951431"
)
_BEACH = PublishedImage("https://storage.googleapis.com/sfr-vision-language-research/BLIP/demo.jpg")
_CLIP_TEXTS = ("a diagram", "a dog", "a cat")
_IMAGEREWARD_SHA256 = (
    "a5fcd126763da8b3fe2a9e620fc1ba03d215d20de36c77bf6770a540a9bc972d",
    "dc13919a49a37987d19c8be3ba0c1ef2941570f820f90fb66ac91a9a9db24082",
    "ee859bac167e6a04cbcde63454757b6fc7d9b8704429c15725ca8c4accf176e3",
    "84faf59d59d9ca7ab298c9acb957d727365ae104768ac1a1ec55ab96be68aaf9",
)
_OPENAI_B32 = ("clip:openai/clip-vit-base-patch32", "paper-clip")
_BLIP_BASE = "Salesforce/blip-itm-base-coco"
_BLIP_LARGE = "Salesforce/blip-itm-large-coco"

EXAMPLES = (
    Example(
        rewards=("imagereward", "imagereward:THUDM/ImageReward", "paper-imagereward"),
        images=tuple(
            PublishedImage(f"{_IMAGEREWARD}/assets/images/{number}.webp", sha256)
            for number, sha256 in enumerate(_IMAGEREWARD_SHA256, start=1)
        ),
        texts=("a painting of an ocean with clouds and birds, day time, low depth field effect",),
        expected=((0.5811622738838196,), (0.2745276093482971,), (-1.4131819009780884,), (-2.029569625854492,)),
        quantity="reward",
        tolerance=0.01,
        source=f"{_IMAGEREWARD}/README.md",
    ),
    Example(
        rewards=(*_OPENAI_B32, "open_clip:ViT-B-32-quickgelu/openai"),
        images=(_CLIP_IMAGE,),
        texts=_CLIP_TEXTS,
        expected=((0.9927937, 0.00421068, 0.00299572),),
        quantity="softmax over the texts",
        scale=100.0,
        tolerance=0.002,
        source=f"{_CLIP}/README.md",
    ),
    Example(
        rewards=_OPENAI_B32,
        images=(PublishedImage(COCO_CATS),),
        texts=("a photo of a cat", "a photo of a dog"),
        expected=((24.5701, 19.3049),),
        quantity="reward",
        scale=100.0,
        tolerance=0.05,
        source="https://github.com/huggingface/transformers, tests/models/clip/test_modeling_clip.py",
        by="transformers, which converted the weights",
    ),
    Example(
        rewards=("open_clip:ViT-B-32/laion2b_s34b_b79k",),
        images=(_CLIP_IMAGE,),
        texts=_CLIP_TEXTS,
        expected=((1.0, 0.0, 0.0),),
        quantity="softmax over the texts",
        scale=100.0,
        tolerance=0.002,
        source="https://github.com/mlfoundations/open_clip/blob/89fb801f1e6087880e951fc8354b8a2077b79c6d/README.md",
    ),
    Example(
        rewards=("siglip:google/siglip-base-patch16-224",),
        images=(PublishedImage(COCO_CATS),),
        texts=("a photo of 2 cats", "a photo of 2 dogs"),
        expected=((-0.7567, -10.3354),),
        quantity="reward",
        tolerance=0.05,
        source="https://github.com/huggingface/transformers/blob/01080c629600d4ff3121446bb4f4a2e240c2cf41/"
        "tests/models/siglip/test_modeling_siglip.py",
        by="transformers, which converted the weights",
    ),
    Example(
        rewards=("blip2-itc", "blip2-itc:Salesforce/blip2-itm-vit-g", "paper-blip2"),
        images=(_MERLION,),
        texts=("a large fountain spewing water into the air",),
        expected=((0.3642,),),
        quantity="reward",
        tolerance=0.003,
        source=f"{_LAVIS}/examples/blip2_feature_extraction.ipynb",
    ),
    Example(
        rewards=("blip-itm", f"blip-itm:{_BLIP_BASE}"),
        images=(_BEACH,),
        texts=("a woman sitting on the beach with a dog",),
        expected=((0.9960,),),
        quantity="sigmoid",
        tolerance=0.001,
        source=f"{_BLIP}/demo.ipynb",
    ),
    Example(
        rewards=("blip-itc", f"blip-itc:{_BLIP_BASE}"),
        images=(_BEACH,),
        texts=("a woman sitting on the beach with a dog",),
        expected=((0.5262,),),
        quantity="reward",
        tolerance=0.002,
        source=f"{_BLIP}/demo.ipynb",
    ),
    Example(
        rewards=(f"blip-itm:{_BLIP_LARGE}",),
        images=(_MERLION,),
        texts=("merlion in Singapore",),
        expected=((0.99466,),),
        quantity="sigmoid",
        tolerance=0.001,
        source=f"{_LAVIS}/examples/blip_image_text_matching.ipynb",
    ),
    Example(
        rewards=(f"blip-itc:{_BLIP_LARGE}",),
        images=(_MERLION,),
        texts=("merlion in Singapore",),
        expected=((0.4474,),),
        quantity="reward",
        tolerance=0.002,
        source=f"{_LAVIS}/examples/blip_image_text_matching.ipynb",
    ),
)
"""Every published example that tia2 knows of."""

READ_IN_VAIN = {
    "pickscore": "https://github.com/yuvalkirstain/PickScore (commit f79607f), README.md",
    "hpsv2": "https://github.com/tgxs002/HPSv2 (commit 866735e), README.md",
    "blip2-itm": "https://github.com/salesforce/LAVIS (commit 506965b), examples/blip2_image_text_matching.ipynb",
    "aesthetic": "https://github.com/christophschuhmann/improved-aesthetic-predictor (commit 6934dd8), README.md",
    "vqascore": "https://github.com/linzhiqiu/t2v_metrics (commit 6ecb74f), README.md",
}
"""Families whose authors publish no example values, and where they would be."""


def examples_for(spec: str) -> list[Example]:
    """Return the published examples of the weights that a spec stands for; empty if there are none.

    Example:
        >>> [example.expected for example in examples_for("blip2-itc")]
        [((0.3642,),)]
    """
    return [example for example in EXAMPLES if spec in example.rewards]
