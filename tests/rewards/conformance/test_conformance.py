"""The conformance checks fail for broken models, each for its fault, and pass sound ones."""

from __future__ import annotations

import functools
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tia2
from tia2.cli import main
from tia2.errors import RewardError, UnknownNameError
from tia2.rewards import conformance
from tia2.rewards.conformance.outputs import half_precision_format, significant_bits
from tia2.rewards.conformance.samples import LONG_TEXT, TEXTS, mode_samples, rotated_files, sample_images
from tia2.rewards.conformance.trial import Subject
from tia2.rgb import to_rgb

PLUGINS = Path(__file__).parent / "broken_plugins.py"


@functools.cache
def report(name: str) -> conformance.ConformanceReport:
    return conformance.check(f"{PLUGINS}:{name}")


# Plugin, the check named for its fault, what is found, what to fix.
BROKEN = [
    ("BatchDependent", "batch-size", "differ by up to", "Compute nothing over the batch"),
    ("not_a_number", "finite", "rewards are not finite, the first for image", "Find where NaN or infinity arises"),
    ("no_plain_colours", "finite", "picture of one plain colour", "Find where NaN or infinity arises"),
    ("exits", "shape", "SystemExit: no licence key", "Return one float32 number per"),
    (
        "WrongShape",
        "shape",
        "gave float32 (12, 10, 1); expected float32 (12, 10)",
        "Return one float32 number per",
    ),
    ("wrong_shape_function", "shape", "returned shape (64, 64); expected (64,)", "Return one float32 number per"),
    (
        "text_blind",
        "depends-on-text",
        "Every text gives an image the same reward",
        "Make the reward depend on the text",
    ),
    ("image_blind", "depends-on-image", "Every image gets the same reward", "depend on the pixels of the image"),
    ("mutating_image", "inputs-unchanged", "changed 4 of 5 images", "Work on copies: image.copy()"),
    ("shrinking", "inputs-unchanged", "score changed 1 of 5 images", "thumbnail()"),
    ("MutatingTexts", "inputs-unchanged", "score changed the list of texts", "sorted(texts) in place of texts.sort()"),
    ("Stateful", "stateless", "differ by up to", "Keep nothing between calls that a reward depends on"),
    ("FirstCallDecides", "stateless", "a second instance whose first call was another", "Keep nothing between calls"),
    ("CachedByObject", "stateless", "whose pixels the caller changed", "no cache by id(image)"),
    ("HalfPrecision", "half-precision", "All rewards are exact float16 numbers", "in float32"),
    ("HalfPrecisionScaled", "half-precision", "float16 numbers, or scaled from such", "in float32"),
    ("BrainFloat", "half-precision", "All rewards are exact bfloat16 numbers", "in float32"),
    ("OrderDependent", "order", "differ by up to", "put the rewards back in the order of the call"),
    ("RaisesOnRgba", "image-modes", "RGBA: ValueError: cannot reshape array of size 256", "tia2.rewards.to_rgb"),
    ("NotThreadSafe", "threads", "thread", "local variables, not on the object or in globals"),
    ("not_deterministic", "deterministic", "called again", "put the model in eval mode"),
    ("SidewaysPhotos", "exif-rotation", "orientation", "PIL.ImageOps.exif_transpose"),
    ("needs_size", "image-sizes", "1x1: ValueError: kernel size can't be greater", "Resize every image"),
    ("needs_words", "texts", "empty: ZeroDivisionError", "Give every text a finite reward"),
    ("PolicyBroken", "texts", "scored, though card.text_policy is 'error'", "cut long ones as card.text_policy says"),
    ("Careless", "bad-input", "3 images with 2 texts without an error", "tia2.rewards.base.check_pairs"),
    ("TwoFormulas", "encode-once", "against score_matrix", "run the same steps on a pair"),
    ("Company", "company", "differ by up to", "Mask the padding that longer texts"),
    ("RandomFingerprint", "fingerprint", "changes with scoring", "no time, no id(), no random number"),
    ("WrongRange", "card", "outside the card's range 0.0 to 1.0", "a range that its rewards keep to"),
]


@pytest.mark.parametrize(("plugin", "name", "found", "fix"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_plugin_fails_the_check_named_for_its_fault(plugin, name, found, fix):
    result = report(plugin)[name]
    assert result.status == "failed"
    assert found in result.found
    assert fix in result.fix
    assert "\n" not in result.found + result.fix
    assert "Traceback" not in result.found


# Faults that can't show anywhere else.
ALONE = {
    "text_blind": {"depends-on-text"},
    "image_blind": {"depends-on-image"},
    "not_a_number": {"finite"},
    "CachedByObject": {"stateless"},
    "HalfPrecision": {"half-precision"},
    "HalfPrecisionScaled": {"half-precision"},
    "FirstCallDecides": {"stateless"},
    "SidewaysPhotos": {"exif-rotation"},
    "needs_size": {"image-sizes"},
    "needs_words": {"texts"},
    "PolicyBroken": {"texts"},
    "RandomFingerprint": {"fingerprint"},
    "WrongRange": {"card"},
    "NotThreadSafe": {"threads"},
    "TwoFormulas": {"encode-once"},
}


@pytest.mark.parametrize("plugin", ALONE)
def test_a_single_fault_fails_no_other_check(plugin):
    assert {result.name for result in report(plugin).failures} - {"image-sizes", "texts"} <= ALONE[plugin]


@pytest.mark.parametrize("plugin", ["sound", "SoundDual", "SoundCross", "Protocol", "Control"])
def test_sound_models_pass(plugin):
    report(plugin).raise_for_failures()
    assert report(plugin).passed
    assert len(report(plugin).results) == len(conformance.CHECKS)


def test_the_miniature_world_passes_without_a_warning():
    found = conformance.check("mini-strong", device="cpu")
    found.raise_for_failures()
    assert [warning for result in found.results for warning in result.warnings] == []
    assert found.fingerprint == tia2.load_reward("mini-strong", device="cpu").fingerprint


FAMILIES = [
    ("imagereward", "imagereward", {"tokenizer": "bert_tiny_tokenizer", "vision_heads": 4}),
    ("cyclereward", "cyclereward", {"tokenizer": "bert_tiny_tokenizer", "vision_heads": 4}),
    ("blip-itm", "blip_itm", {"tokenizer": "bert_tiny_tokenizer", "vision_heads": 4}),
    ("blip-itc", "blip_itm", {"tokenizer": "bert_tiny_tokenizer", "vision_heads": 4}),
    ("blip2-itm", "blip2_itm/blip2_tiny.pth", {"tokenizer": "bert_tiny_tokenizer", "vision_heads": 4, "text_heads": 4}),
    ("blip2-itc", "blip2_itm/blip2_tiny.pth", {"tokenizer": "bert_tiny_tokenizer", "vision_heads": 4, "text_heads": 4}),
    ("fga-blip2", "fga_blip2", {"tokenizer": "bert_tiny_tokenizer", "vision_heads": 4, "text_heads": 4}),
    ("hpsv3", "hpsv3", {}),
    ("hpsv2", "hpsv2", {"vocabulary": "clip_tiny_tokenizer/bpe_tiny.txt.gz"}),
    ("pickscore", "pickscore/hf", {}),
]


ANY_FORMAT = {
    "order", "stateless", "threads", "speed", "memory", "encode-once", "image-modes", "exif-rotation", "image-sizes",
    "inputs-unchanged", "bad-input",
}  # fmt: skip
"""What doesn't depend on the number format, and takes most of the time where a processor emulates bfloat16."""


SAME_NETWORKS = {"blip-itc", "blip2-itc"}
"""Families that differ from another one in their heads, which run in float32 whatever the number format."""

BEGINNINGS = ["shape", "finite", "depends-on-text", "depends-on-image", "encode-once", "card", "fingerprint", "texts"]
"""The checks of families that share their steps, from images to batches, with one that gets all of them."""

SHARED_STEPS = {"cyclereward": "imagereward", "fga-blip2": "blip2-itm", "hpsv3": "vqascore"}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("family", "source", "given"), FAMILIES, ids=[row[0] for row in FAMILIES])
def test_the_families_of_the_field_pass(goldens, family, source, given, dtype):
    if dtype == "bfloat16" and (family in SAME_NETWORKS or family in SHARED_STEPS):
        pytest.skip("its networks are those of another family of this list")
    options = {key: goldens / "common" / value if isinstance(value, str) else value for key, value in given.items()}
    only = None if dtype == "float32" else [name for name in conformance.CHECKS if name not in ANY_FORMAT]
    only = BEGINNINGS if family in SHARED_STEPS else only
    # Samples of each size and kind, not all: all checks compare rewards of the same samples with each other.
    step = 2 if only is None else 3
    samples = {"images": sample_images()[::step], "texts": TEXTS[::step]}
    spec = f"{family}:{goldens / source}"
    found = conformance.check(spec, device="cpu", dtype=dtype, only=only, **samples, **options)
    found.raise_for_failures()
    assert found.tolerance == conformance.TOLERANCE[dtype]


def test_a_refusing_model_passes():
    found = conformance.check("mini-strong", device="cpu", text_policy="error", only=["texts"])
    assert found.passed
    assert "refused: " in found["texts"].found
    assert "1,000 words" in found["texts"].found


def test_a_control_may_ignore_the_text():
    found = report("Control")["depends-on-text"]
    assert (found.status, found.fix) == ("skipped", None)
    assert "control" in found.found


def test_a_reward_that_never_compares_is_warned_of():
    def added(images, texts):
        return [len(text) / 97 + np.asarray(image).mean() / 255 for image, text in zip(images, texts, strict=True)]

    found = conformance.check(added, only=["depends-on-text"])
    assert found.passed
    assert found["depends-on-text"].warnings == (
        "A text changes the rewards of all images by the same amount: it is never compared.",
    )


def test_a_card_with_gaps_is_a_warning():
    found = report("sound")["card"]
    assert found.status == "passed"
    assert found.warnings == (
        "The card leaves unknown: formula, unit, preprocessing, licence, training_data, default_temperature.",
    )


def test_blended_transparency_is_a_warning():
    def blended(image):
        if image.mode not in ("RGBA", "LA", "P"):
            return to_rgb(image)
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")

    plain = tia2.load_reward(f"{PLUGINS}:Protocol")
    before = plain.score
    plain.score = lambda images, texts: before(
        [blended(image) if isinstance(image, Image.Image) else image for image in images], texts
    )
    found = conformance.check(plain, only=["image-modes"])["image-modes"]
    assert found.status == "passed"
    assert found.warnings == ("Transparency is not dropped as elsewhere in tia2: LA, RGBA, P with transparency.",)


def test_tolerance_is_relative_to_the_spread():
    def rounded(factor):
        def reward(images, texts):
            mean = np.mean([len(text) for text in texts])
            return [
                factor * (np.asarray(image).mean() / 50 + len(text) / 7 + np.sin(len(text)) + 1e-4 * mean)
                for image, text in zip(images, texts, strict=True)
            ]

        return reward

    for factor in (1e-3, 1.0, 1e3):
        loose = conformance.check(rounded(factor), tolerance=0.01, only=["batch-size"])
        tight = conformance.check(rounded(factor), tolerance=1e-5, only=["batch-size"])
        assert (loose.passed, tight.passed) == (True, False)
        assert loose.allowed == pytest.approx(0.01 * loose.spread)


def test_a_constant_does_not_hide_its_rounding():
    def constant(images, texts):
        return [20.0 + 1e-7 * len(images)] * len(texts)

    found = conformance.check(constant, only=["batch-size", "depends-on-text", "depends-on-image"])
    assert [result.name for result in found.failures] == ["depends-on-text", "depends-on-image"]


def test_what_always_raises_fails_everything_with_one_line_each():
    class OddError(Exception):
        pass

    def raising(images, texts):
        raise OddError("two\nlines")

    found = conformance.check(raising)
    assert {result.name for result in found.results if result.status == "passed"} <= {"fingerprint", "bad-input"}
    for result in found.failures:
        assert "OddError: two lines" in result.found, result
    with pytest.raises(RewardError, match=r"Reward 'raising' fails \d+ of 22 conformance checks\.\nshape: ") as told:
        found.raise_for_failures()
    assert len(str(told.value).splitlines()) == 1 + len(found.failures)


def test_interrupting_is_not_a_failure_of_the_model():
    def interrupted(images, texts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conformance.check(interrupted)


def test_the_model_is_left_as_it_was():
    model = tia2.load_reward(f"{PLUGINS}:SoundCross")
    model.batch_size, model.text_batch_size = None, 7
    conformance.check(model, only=["batch-size"])
    assert (model.batch_size, model.text_batch_size) == (None, 7)


def test_own_samples():
    images = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue", "white")]
    found = conformance.check(f"{PLUGINS}:sound", images=images, texts=["red", "green", "blue", "white"])
    assert found.passed
    assert (found.n_images, found.n_texts) == (4, 4)
    with pytest.raises(RewardError, match="at least 4 texts, got 1"):
        conformance.check(f"{PLUGINS}:sound", texts=["red"])
    with pytest.raises(RewardError, match="tolerance is 0"):
        conformance.check(f"{PLUGINS}:sound", tolerance=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'order'"):
        conformance.check(f"{PLUGINS}:sound", only=["ordr"])


@pytest.mark.parametrize(("name", "dtype"), [("float16", np.float16), ("float32", np.float32)])
def test_half_precision_by_bits(name, dtype):
    values = np.random.default_rng(0).normal(0.2, 0.03, 200).astype(dtype).astype(np.float32)
    assert half_precision_format(values) == (None if name == "float32" else name)


@pytest.mark.parametrize(("middle", "width"), [(0.99995, 2e-5), (0.5, 1e-5), (1.0, 1e-6), (0.003, 1e-4), (25.0, 1e-3)])
def test_float32_close_to_one_value_is_no_half_precision(middle, width):
    values = np.random.default_rng(0).normal(middle, width, 200).astype(np.float32)
    assert half_precision_format(values) is None


@pytest.mark.parametrize("scaled", [lambda x: 100 * x, lambda x: 2.5 * x, lambda x: (1 + x) / 2, lambda x: 1 - x])
def test_half_precision_that_was_scaled_afterwards(scaled):
    values = np.random.default_rng(0).normal(0.25, 0.05, 120).astype(np.float32)
    assert half_precision_format(scaled(values.astype(np.float16).astype(np.float32))) == "float16"
    assert half_precision_format(scaled(values)) is None


def test_counts_and_fractions_are_no_half_precision():
    rng = np.random.default_rng(0)
    assert half_precision_format(rng.integers(0, 300, 200).astype(np.float32)) is None
    assert half_precision_format(rng.integers(0, 9, 200).astype(np.float32) / 8) is None
    assert half_precision_format(np.zeros(0, dtype=np.float32)) is None


def test_significant_bits_equals_rounding_to_fewer_bits():
    values = np.random.default_rng(1).normal(size=500).astype(np.float16).astype(np.float32)
    values = np.concatenate([values, np.random.default_rng(2).normal(size=500).astype(np.float32), [0.0, -3.0]])
    for bits in (8, 11, 24):
        mantissa, exponent = np.frexp(values.astype(np.float64))
        kept = np.ldexp(np.rint(mantissa * 2**bits) / 2**bits, exponent)
        np.testing.assert_array_equal(significant_bits(values) <= bits, kept == values)


def test_worst_treats_nan_and_shapes():
    subject = Subject(tia2.load_reward(f"{PLUGINS}:sound"), sample_images()[:4], ["a", "b", "c", "d"], 1e-3)
    nan = float("nan")
    assert subject.worst([1.0, nan], [1.5, nan]) == 0.5
    assert subject.worst([1.0, nan], [1.0, 2.0]) == float("inf")
    assert subject.worst([float("inf")], [float("inf")]) == 0
    assert subject.worst([1.0], [[1.0]]) == float("inf")
    assert subject.worst([], []) == 0


def test_samples_are_what_they_say():
    upright, files = rotated_files()
    assert set(files) == set(range(2, 9))
    for file in files.values():
        assert to_rgb(file).tobytes() == upright.tobytes()
    assert {sample.image.mode for sample in mode_samples()} == {"L", "1", "P", "CMYK", "I;16", "LA", "RGBA"}
    assert len(LONG_TEXT.split()) >= 1000
    first, second = sample_images(), sample_images()
    assert [image.tobytes() for image in first] == [image.tobytes() for image in second]
    assert len({image.tobytes() for image in first}) == len(first)


def test_report_file_round_trips():
    found = report("BatchDependent")
    data = json.loads(found.model_dump_json())
    assert data["passed"] is False
    data.pop("passed")
    assert conformance.ConformanceReport.model_validate(data) == found


def test_command_passes(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["rewards", "check", f"{PLUGINS}:SoundDual"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for name in conformance.CHECKS:
        assert re.search(rf"^{name} +ok ", out, re.M), name
    assert f"SoundDual: {len(conformance.CHECKS)} passed." in out
    assert "Equal means within" in out


def test_command_fails_with_what_to_fix(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["rewards", "check", f"{PLUGINS}:BatchDependent"]) == 1
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert re.search(r"^batch-size +FAILED ", out, re.M)
    assert re.search(r"^batch-size: Rewards differ by up to", out, re.M)
    assert "Fix: Compute nothing over the batch" in out
    assert "begin with the first" in out


def test_command_tells_an_error_once(capsys):
    assert main(["rewards", "check", f"{PLUGINS}:wrong_shape_function"]) == 1
    out = capsys.readouterr().out
    assert out.count("Fix: Return one float32 number") == 1
    assert "the same error as above" in out


def test_command_json(tmp_path, capsys):
    (tmp_path / "noisy.py").write_text(
        "def loud(images, texts):\n    print('scoring')\n    return [float('nan')] * len(texts)\n"
    )
    assert main(["rewards", "check", f"{tmp_path / 'noisy.py'}:loud", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False
    finite = next(row for row in found["results"] if row["name"] == "finite")
    assert (finite["status"], finite["measured"]["not_finite"]) == ("failed", finite["measured"]["rewards"])


def test_command_options(capsys):
    words = ["rewards", "check", "mini-strong", "--only", "texts", "-o", "text_policy=error", "--device", "cpu"]
    assert main([*words, "--json", "--tolerance", "0.01"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["results"]] == ["texts"]
    assert (found["tolerance"], found["device"], found["spec"]) == (0.01, "cpu", "mini-strong")
    assert main(["rewards", "check", "mini-strogn"]) == 1
    assert "Did you mean 'mini-strong'?" in capsys.readouterr().err
    assert main(["rewards", "check", "--help"]) == 0
    out = capsys.readouterr().out
    assert "Exit code 0" in out
    assert "Exit code 1" in out


def test_kept_plugins_are_all_tested():
    kept = {
        name
        for name, value in runpy.run_path(str(PLUGINS)).items()
        if getattr(value, "__doc__", None) and callable(value) and getattr(value, "__module__", "") == "<run_path>"
    }
    helpers = {"pixel_features", "text_features"}
    assert kept - helpers == {row[0] for row in BROKEN} | {"sound", "SoundDual", "SoundCross", "Protocol", "Control"}
