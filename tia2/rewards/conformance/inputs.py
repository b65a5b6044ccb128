"""Checks with unusual images and texts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tia2.errors import RewardError
from tia2.rewards.conformance.checks import conformance
from tia2.rewards.conformance.samples import LONG_TEXT, mode_samples, odd_sizes, rotated_files
from tia2.rewards.conformance.trial import Caught, Finding, Subject
from tia2.rgb import to_rgb


@conformance(
    "image-modes",
    tests="L, 1 bit, P, CMYK, 16 bits, LA, RGBA, P with transparency: as their RGB version",
    fix=(
        "Convert images with tia2.rewards.to_rgb before anything else; DualEncoder, CrossEncoder and "
        "plain functions get RGB images."
    ),
)
def image_modes(subject: Subject) -> Finding:
    """Score a picture of every mode, and its RGB version."""
    text = subject.texts[0]
    differences, blended, broken = {}, [], []
    for sample in mode_samples():
        with Caught() as caught:
            got = subject.reward.score([sample.image], [text])
        if caught.error:
            broken.append(f"{sample.name}: {caught.line}")
            continue
        if not np.isfinite(got).all():
            broken.append(f"{sample.name}: the reward is {np.ravel(got)[0]}")
            continue
        gap = subject.worst(got, subject.reward.score([to_rgb(sample.image)], [text]))
        if sample.transparent and gap > subject.allowed:
            blended.append(sample.name)
        else:
            differences[sample.name] = gap
    if broken:
        return Finding(f"{len(broken)} of 8 modes can't be scored; {broken[0]}", failed=True)
    finding = subject.compare(differences)
    if blended and not finding.failed:
        finding.warnings.append(f"Transparency is not dropped as elsewhere in tia2: {', '.join(blended)}.")
    return finding


@conformance(
    "exif-rotation",
    tests="files with an EXIF orientation score as the upright picture",
    fix="Apply the orientation first: tia2.rewards.to_rgb or PIL.ImageOps.exif_transpose.",
)
def exif_rotation(subject: Subject) -> Finding:
    """Score one picture stored in all eight orientations."""
    text = subject.texts[0]
    upright, files = rotated_files()
    expected = subject.reward.score([upright], [text])
    differences = {
        f"orientation {orientation}": subject.worst(subject.reward.score([file], [text]), expected)
        for orientation, file in files.items()
    }
    return subject.compare(differences)


@conformance(
    "image-sizes",
    tests="1x1, 4000x10 and 10x4000 pixels are scored",
    fix=(
        "Resize every image to a size that the model takes, at least one pixel wide and high, before anything "
        "is computed from it."
    ),
)
def image_sizes(subject: Subject) -> Finding:
    """Score pictures of extreme sizes, one by one."""
    broken = []
    rewards: dict[str, float | int | str] = {}
    for name, image in odd_sizes().items():
        with Caught() as caught:
            got = subject.reward.score([image], [subject.texts[0]])
        if caught.error:
            broken.append(f"{name}: {caught.line}")
        elif not np.isfinite(got).all():
            broken.append(f"{name}: the reward is {np.ravel(got)[0]}")
        else:
            rewards[name] = float(np.ravel(got)[0])
    if broken:
        return Finding(f"{len(broken)} of 3 sizes can't be scored; {broken[0]}", failed=True, measured=rewards)
    return Finding("scored", measured=rewards)


TEXTS = {
    "empty": "",
    "blanks": "  \n ",
    "accents": "Ein grüner Kreis über einem gelben Café-Schild, naïveté",
    "Chinese": "一个红色的圆圈在蓝色的正方形左边",
    "right to left": "دائرة حمراء فوق مربع أزرق",
    "emoji": "🐈🐈 two cats 👩‍👩‍👧‍👦 ❤️",
    "combining marks": "e\u0301 a\u0308 \u200b",
    "markup": "<b>a red circle</b> &amp; <|endoftext|> [MASK] {prompt}",
}


@conformance(
    "texts",
    tests="empty, unicode, emoji and a text of 1,000 words: scored, or refused by one clear RewardError",
    fix=(
        "Give every text a finite reward, cut long ones as card.text_policy says, or raise one "
        "tia2.errors.RewardError of one line that says why."
    ),
)
def texts(subject: Subject) -> Finding:
    """Score unusual texts one by one, with an ordinary one after each."""
    reward, image = subject.reward, subject.images[0]
    wrong: list[str] = []
    refused: list[str] = []
    notes: list[str] = []
    expected = reward.score([image], [subject.texts[0]])
    card = reward.card
    for name, text in {**TEXTS, "1,000 words": LONG_TEXT}.items():
        with warnings.catch_warnings(record=True) as cut:
            warnings.simplefilter("always")
            with Caught() as caught:
                got = reward.score([image], [text])
        if caught.error:
            refused.append(name)
            wrong += _bad_refusal(name, caught.error)
            if text == LONG_TEXT and card.text_policy == "truncate":
                wrong.append(f"{name}: refused, though card.text_policy is 'truncate'")
        elif not np.isfinite(got).all():
            wrong.append(f"{name}: the reward is {np.ravel(got)[0]}")
        elif text == LONG_TEXT and card.text_limit:
            if card.text_policy == "error" and card.text_limit < 500:
                wrong.append(f"{name}: scored, though card.text_policy is 'error'")
            elif card.text_policy == "truncate" and card.text_limit < 500 and not cut:
                notes.append(f"A text of 1,000 words is cut to {card.text_limit} tokens without a warning.")
    after = subject.worst(reward.score([image], [subject.texts[0]]), expected)
    if after > subject.allowed:
        wrong.append(f"an ordinary text afterwards: its reward moved by {after:.2g}")
    measured: dict[str, float | int | str] = {"scored": len(TEXTS) + 1 - len(refused), "refused": len(refused)}
    if wrong:
        return Finding(f"{len(wrong)} texts went wrong; {wrong[0]}.", failed=True, measured=measured)
    outcome = f"{measured['scored']} scored" + (f", refused: {', '.join(refused)}" if refused else "")
    return Finding(outcome, measured=measured, warnings=notes)


def _bad_refusal(name: str, error: BaseException) -> list[str]:
    text = str(error).strip()
    kind = type(error).__name__
    if not isinstance(error, RewardError):
        return [f"{name}: {kind}: {' '.join(text.split())[:200]}"]
    if not text or "\n" in text:
        return [f"{name}: the RewardError is {'empty' if not text else 'of several lines'}"]
    return []


@conformance(
    "bad-input",
    tests="unequal lengths, a text for a list, and what is no image are refused",
    fix=("Check inputs first, with tia2.rewards.base.check_pairs and tia2.rewards.to_rgb, which raise a RewardError."),
)
def bad_input(subject: Subject) -> Finding:
    """Pass what makes no sense and expect an error, not numbers."""
    images, texts = subject.images[:3], subject.texts[:3]
    nonsense: dict[str, tuple[Any, Any]] = {
        "3 images with 2 texts": (images, texts[:2]),
        "1 image with 3 texts": (images[:1], texts),
        "one text in place of a list": (images, texts[0][:3]),
        "a number for a text": (images[:1], [7]),
        "a text for an image": (["picture.png"], texts[:1]),
    }
    accepted, others = [], []
    for name, (bad_images, bad_texts) in nonsense.items():
        with Caught() as caught:
            subject.reward.score(bad_images, bad_texts)
        if caught.error is None:
            accepted.append(name)
        elif not isinstance(caught.error, RewardError):
            others.append(f"{name}: {type(caught.error).__name__}")
    if accepted:
        return Finding(f"score took {accepted[0]} without an error.", failed=True, measured={"accepted": len(accepted)})
    finding = Finding(f"{len(nonsense)} kinds refused", measured={"refused": len(nonsense)})
    if others:
        finding.warnings.append(f"Refused, but not by a RewardError that says what to do: {', '.join(others)}.")
    return finding
