"""Entries are the same by digests and calibration, whatever they are called."""

import pytest

from tia2.calibration import Mean, Raw, TextNorm, calibration_of
from tia2.calibration.registry import short_text
from tia2.leaderboard.finetuned.identity import EntryIdentity


def recorded(*digests, calibration):
    return {"rewards": [{"name": "x", "fingerprint": digest} for digest in digests], "calibration": calibration}


def test_members_have_no_order_and_settings_count():
    ensemble = EntryIdentity.of(["b", "a"], Mean())
    assert ensemble == EntryIdentity.recorded(recorded("a", "b", calibration=Mean().model_dump()))
    assert ensemble != EntryIdentity.of(["a", "b"], Mean(of=TextNorm(factor=2)))
    assert EntryIdentity.of(["a"], Raw()) != EntryIdentity.of(["a"], TextNorm())
    assert EntryIdentity.of(["a"], TextNorm()) == EntryIdentity.recorded(recorded("a", calibration="textnorm"))


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        {},
        {"rewards": [], "calibration": "raw"},
        {"rewards": "abc", "calibration": "raw"},
        {"rewards": [{"fingerprint": 3}], "calibration": "raw"},
        {"rewards": [{"fingerprint": "a"}, "b"], "calibration": "raw"},
        {"rewards": [{"fingerprint": "a"}], "calibration": "nobody's"},
        {"rewards": [{"fingerprint": "a"}], "calibration": {"calibration": ["raw"]}},
        {"rewards": [{"fingerprint": "a"}], "calibration": 7},
        {"rewards": [{"fingerprint": "a"}]},
    ],
)
def test_what_somebody_wrote_is_no_identity_unless_it_is_one(entry):
    assert EntryIdentity.recorded(entry) is None


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("raw", "raw"),
        ("textnorm", "textnorm"),
        ("textnorm:temperature=0.5,factor=2", "textnorm:temperature=0.5,factor=2.0"),
        ("minmax:scale=5", "minmax:scale=5.0"),
        ("mean:of=minmax", "mean:of=minmax"),
        ("ur:of=(textnorm:factor=2),penalty=0.5", "ur:of=(textnorm:factor=2.0),penalty=0.5"),
        ("cv:of=(ur:of=textnorm),folds=10", None),
        ("ur:of=(minmax:scale=5)", None),
    ],
)
def test_a_calibration_in_short_is_read_as_an_equal_one(text, short):
    calibration = calibration_of(text)
    assert calibration_of(short_text(calibration)) == calibration
    if short is not None:
        assert short_text(calibration) == short
