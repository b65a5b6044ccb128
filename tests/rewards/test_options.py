"""The options that every encoder takes: one list, shown in every signature, checked before anything is loaded."""

from __future__ import annotations

import dataclasses
import importlib
import inspect

import pytest

import tia2
from tia2.errors import RewardError, UnknownNameError
from tia2.rewards import CrossEncoder, DualEncoder
from tia2.rewards.built_in import BUILT_IN
from tia2.rewards.options import EncoderKeywords, EncoderOptions

SHARED = [field.name for field in dataclasses.fields(EncoderOptions)]
CLASSES = {
    name: entry.target
    for name, entry in BUILT_IN.items()
    if not name.startswith(("mini-", "paper-"))  # functions that make one of the classes
    and name != "questions"  # no encoder: it asks another reward, which takes its options
}


def reward_class(target: str) -> type:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def test_keywords_are_the_fields():
    assert list(EncoderKeywords.__annotations__) == SHARED


@pytest.mark.parametrize("target", CLASSES.values(), ids=CLASSES)
def test_every_encoder_shows_and_takes_them(target):
    parameters = inspect.signature(reward_class(target)).parameters
    assert list(parameters)[: len(SHARED) + 1] == ["source", *SHARED]
    assert not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    assert all(parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in SHARED)


@pytest.mark.parametrize("target", CLASSES.values(), ids=CLASSES)
def test_a_family_stands_right_below_the_public_base(target):
    """Or below one base that stands there, which families of one architecture share."""
    bases = reward_class(target).__bases__
    if not {DualEncoder, CrossEncoder} & {*bases}:
        (shared,) = bases
        assert sum(shared in reward_class(other).__bases__ for other in CLASSES.values()) > 1, "nobody else needs it"
        bases = shared.__bases__
    assert (DualEncoder in bases) is not (CrossEncoder in bases)


def test_questions_hand_options_to_the_reward_that_answers():
    questions = {"a cat": [{"question": "Is there a cat?", "answer": "yes"}]}
    with pytest.raises(RewardError, match="got an unexpected keyword argument 'hue'"):
        tia2.load_reward("questions:vqascore:x", questions=questions, hue=1)


@pytest.mark.parametrize("name", CLASSES)
def test_an_option_of_no_reward_is_named(name):
    with pytest.raises(
        RewardError, match=r"can't be made with these options: got an unexpected keyword argument 'hue'"
    ):
        tia2.load_reward(f"{name}:x", hue=1)


def test_wrong_values_are_refused_before_the_weights_are_looked_for():
    with pytest.raises(RewardError, match="text_policy is 'cut'"):
        tia2.load_reward("clip:nobody/nothing", text_policy="cut")
    with pytest.raises(UnknownNameError, match="Unknown dtype 'fp31'"):
        tia2.load_reward("pickscore", dtype="fp31")
    with pytest.raises(RewardError, match="The device 'cuda:99' is not there"):
        tia2.load_reward("blip2-itm", device="cuda:99")
