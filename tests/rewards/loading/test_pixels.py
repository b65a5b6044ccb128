"""From any image to the model's pixels, against transformers' own PIL image processor."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tia2.errors import RewardError
from tia2.rewards.loading import pixels
from tia2.rewards.loading.pixels import Preprocessing
from tia2.rgb import to_rgb

CLIP = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "resample": 3}
SIZES = [(32, 32), (64, 64), (33, 201), (201, 33), (1, 1), (7, 5), (47, 32), (333, 201)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"resample": 2},
        {"size": {"height": 32, "width": 32}, "do_center_crop": False},
        {"size": {"shortest_edge": 20}},
        {"do_normalize": False},
        {"do_resize": False},
    ],
    ids=str,
)
@pytest.mark.usefixtures("across_then_down")
def test_equals_the_pil_processor_of_transformers(noise, size, changes):
    processors = pytest.importorskip("transformers.models.clip.image_processing_pil_clip")
    image = noise(size=size)
    config = CLIP | changes
    ours = Preprocessing.from_config(config)
    theirs = processors.CLIPImageProcessorPil(**config)(image, return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(ours.normalise(ours.pixels(image)[None])[0], theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [*SIZES, (225, 224), (227, 224), (231, 333), (500, 333)])
@pytest.mark.usefixtures("across_then_down")
def test_equals_the_transforms_of_torchvision(noise, size):
    transforms = pytest.importorskip("torchvision.transforms")
    image = noise(size=size)
    bicubic = transforms.InterpolationMode.BICUBIC
    theirs = transforms.Compose([transforms.Resize(32, bicubic), transforms.CenterCrop(32)])(image)
    ours = Preprocessing(32, (32, 32), 3, 1 / 255, pixels.CLIP_MEAN, pixels.CLIP_STD, "even").pixels(image)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("gap", [1, 2, 3, 5, 7])
def test_the_two_centre_crops_differ_where_half_pixels_round_differently(gap):
    image = Image.fromarray(np.arange(32 + gap, dtype=np.uint8)[None, :, None].repeat(32, 0).repeat(3, 2))
    lefts = []
    for rounding in ("floor", "even"):
        crop = Preprocessing(None, (32, 32), 3, 1.0, (0, 0, 0), (1, 1, 1), rounding).pixels(image)
        lefts.append(int(crop[0, 0, 0]))
    assert lefts == [gap // 2, round(gap / 2)]


@pytest.mark.parametrize("size", [(400, 7), (7, 400), (333, 201)])
def test_resizing_only_what_is_kept_is_nearly_the_same(noise, monkeypatch, size):
    ours = Preprocessing.from_config(CLIP)
    whole = ours.pixels(noise(size=size)).astype(int)
    monkeypatch.setattr(pixels, "LARGEST_RESIZE", 0)
    part = ours.pixels(noise(size=size)).astype(int)
    off = np.abs(whole - part)
    assert (off > 1).mean() < 0.05
    assert off.mean() < 1


def test_extreme_aspect_ratios_do_not_exhaust_memory():
    image = Image.new("RGB", (60_000, 1), "red")
    assert Preprocessing.from_config(CLIP | {"size": {"shortest_edge": 2000}}).pixels(image).shape == (32, 32, 3)


def test_transparency_is_dropped_not_blended():
    image = Image.new("RGBA", (2, 2), (200, 100, 50, 0))
    assert to_rgb(image).getpixel((0, 0)) == (200, 100, 50)
    assert to_rgb(Image.new("LA", (1, 1), (70, 0))).getpixel((0, 0)) == (70, 70, 70)


@pytest.mark.filterwarnings("error")
def test_palette_with_transparency_does_not_warn(tmp_path):
    image = Image.new("P", (2, 2))
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.save(tmp_path / "p.png", transparency=b"\x00\xff")
    with Image.open(tmp_path / "p.png") as opened:
        assert opened.mode == "P"
        assert to_rgb(opened).getpixel((0, 0)) == (10, 20, 30)


def test_sixteen_bits_keep_their_range():
    levels = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    image = Image.fromarray(levels)
    assert image.mode == "I;16"
    assert np.asarray(to_rgb(image))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_exif_orientation_is_applied_and_the_input_kept(noise, tmp_path):
    image = noise(size=(20, 10))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as opened:
        turned = to_rgb(opened)
        assert opened.size == (20, 10)
    assert turned.size == (10, 20)
    assert turned.tobytes() == image.transpose(Image.Transpose.ROTATE_270).tobytes()


def test_rgb_is_passed_through(noise):
    image = noise()
    assert to_rgb(image) is image


def test_unknown_ranges_and_sizes_are_refused():
    with pytest.raises(RewardError, match='mode "F" has no defined range'):
        to_rgb(Image.new("F", (2, 2)))
    with pytest.raises(RewardError, match="expected an integer, height and width, or shortest_edge"):
        Preprocessing.from_config({"size": {"longest_edge": 5}})
