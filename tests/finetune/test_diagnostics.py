"""The peak test, fits, image statistics and diversity on data whose truth is known."""

import numpy as np
import pytest
from PIL import Image

from tia2.errors import FinetuneError
from tia2.finetune.diagnostics.curves import RunCurves
from tia2.finetune.diagnostics.diversity import pairwise_distance, vendi_score
from tia2.finetune.diagnostics.fits import fit_law
from tia2.finetune.diagnostics.images import STATISTICS, statistic_curves
from tia2.finetune.diagnostics.peak import peak_test
from tia2.finetune.diagnostics.selection import checkpoint_rules


def curves_of(gold, proxy, seed=0, prompts=4, images=32):
    """A run whose judges have these true means: gold accepts at random, the proxy is noisy."""
    random = np.random.default_rng(seed)
    shape = (len(gold), prompts, images)
    return RunCurves(
        epochs=np.arange(len(gold)) * 5,
        updates=np.arange(len(gold)) * 10,
        kl=np.linspace(0, 20, len(gold)),
        step_kl=np.zeros((len(gold), 10)),
        prompts=tuple(f"prompt {number}" for number in range(prompts)),
        held_out=np.zeros(prompts, np.bool_),
        values={
            "proxy": np.asarray(proxy)[:, None, None] + 0.001 * random.normal(size=shape),
            "gold": (random.random(shape) < np.asarray(gold)[:, None, None]).astype(np.float64),
        },
        validation=np.arange(images) % 2 == 0,
        names={"proxy": "mini-vivid", "gold": "exact judge"},
    )


def test_gold_that_falls_while_the_proxy_climbs_is_over_optimisation():
    test = peak_test(curves_of([0.5, 0.65, 0.8, 0.6, 0.3], [0.80, 0.82, 0.84, 0.86, 0.88]))
    assert test.verdict == "over-optimised"
    assert test.peak_epoch == 10
    assert test.drop_interval[0] > 0
    assert test.excess_proxy == pytest.approx(0.04, abs=0.005)


def test_a_policy_whose_proxy_falls_too_is_called_ruined():
    assert peak_test(curves_of([0.5, 0.65, 0.8, 0.6, 0.3], [0.80, 0.84, 0.86, 0.83, 0.80])).verdict == "ruined"


def test_gold_that_keeps_rising_has_no_peak():
    test = peak_test(curves_of([0.2, 0.4, 0.6, 0.8, 0.95], [0.80, 0.82, 0.84, 0.86, 0.88]))
    assert test.verdict == "no peak within budget"
    assert test.drop == 0


def test_without_a_gold_judge_nothing_is_claimed():
    curves = curves_of([0.5, 0.5], [0.8, 0.9])
    bare = RunCurves(**{**vars(curves), "values": {"proxy": curves.values["proxy"]}})
    assert peak_test(bare) is None


def test_no_change_at_all_is_called_over_optimised_no_more_often_than_the_level():
    """Choosing the best of many checkpoints on the images that measure it would say so nearly always."""
    verdicts = [peak_test(curves_of([0.5] * 10, [0.8] * 10, seed=seed)).verdict for seed in range(200)]
    assert sum(verdict in ("over-optimised", "ruined") for verdict in verdicts) <= 200 * 0.06
    drops = [peak_test(curves_of([0.5] * 10, [0.8] * 10, seed=seed)).drop for seed in range(200)]
    assert abs(np.mean(drops)) < 3 * np.std(drops) / np.sqrt(200)


@pytest.mark.parametrize("law", ["rl", "best-of-n"])
def test_fits_recover_the_law_that_made_the_data(law):
    d = np.linspace(0, 6, 15)
    gains = d * (0.4 - 0.12 * (np.log(np.maximum(d, 1e-9)) if law == "rl" else d))
    fit = fit_law(d, np.where(d > 0, gains, 0), law)
    assert (fit.alpha, fit.beta) == (pytest.approx(0.4), pytest.approx(0.12))
    assert fit.r_squared == pytest.approx(1)
    assert fit.peak == pytest.approx(np.exp(0.4 / 0.12 - 1) if law == "rl" else 0.4 / 0.24)
    grid = np.linspace(0.01, 40, 40_000)
    if law == "best-of-n":
        assert grid[fit.gain(grid).argmax()] == pytest.approx(fit.peak, abs=0.01)


def test_a_law_without_a_peak_and_one_without_points():
    assert fit_law([1, 2, 3], [1, 3, 6], "best-of-n").peak == float("inf")
    with pytest.raises(FinetuneError, match="at least three points beyond the base model, got 2"):
        fit_law([0, 1, 2], [0, 1, 2])


def test_image_statistics_have_their_stated_extremes():
    black, white, red = (Image.new("RGB", (16, 16), colour) for colour in ("black", "white", "red"))
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    assert STATISTICS["saturation"](white) == 0
    assert STATISTICS["saturation"](red) == 1
    assert STATISTICS["dark share"](black) == 1
    assert STATISTICS["dark share"](white) == 0
    assert STATISTICS["edge density"](red) == 0
    assert STATISTICS["edge density"](noise) > 0.5
    assert STATISTICS["colour entropy"](red) == 0
    assert 8 < STATISTICS["colour entropy"](noise) <= 9
    assert STATISTICS["file size"](noise) > 5 * STATISTICS["file size"](red.resize((64, 64)))


def test_a_collapse_raises_an_alarm_and_a_repetition_none():
    random = np.random.default_rng(1)
    base = [Image.fromarray(random.integers(0, 200, (16, 16, 3), dtype=np.uint8)) for _ in range(12)]
    again = [Image.fromarray(random.integers(0, 200, (16, 16, 3), dtype=np.uint8)) for _ in range(12)]
    dark = [Image.new("RGB", (16, 16), (5, 5, 5))] * 12
    alarms = {curve.name: curve.alarms for curve in statistic_curves([base, again, dark])}
    assert all(2 in positions for name, positions in alarms.items() if name != "saturation")
    assert all(1 not in positions for positions in alarms.values())


def test_diversity_of_copies_and_of_unrelated_images():
    copies, unrelated = np.ones((5, 3)), np.eye(5)
    assert pairwise_distance(copies) == pytest.approx(0)
    assert pairwise_distance(unrelated) == pytest.approx(1)
    assert vendi_score(copies) == pytest.approx(1)
    assert vendi_score(unrelated) == pytest.approx(5)
    with pytest.raises(FinetuneError, match="at least two images"):
        vendi_score(np.ones((1, 3)))


def test_rules_see_validation_images_alone():
    curves = curves_of([0.5, 0.65, 0.8, 0.6, 0.3], [0.80, 0.82, 0.84, 0.86, 0.88])
    before = [(rule.rule, rule.epoch) for rule in checkpoint_rules(curves)]
    turned = {**curves.values, "gold": curves.values["gold"].copy()}
    turned["gold"][:, :, ~curves.validation] = 1 - turned["gold"][:, :, ~curves.validation]
    assert [
        (rule.rule, rule.epoch) for rule in checkpoint_rules(RunCurves(**{**vars(curves), "values": turned}))
    ] == before
    assert dict(before) == {
        "base model": 0, "last": 20, "best proxy": 20, "KL ≤ 10 nats": 10, "best gold on validation": 10,
    }  # fmt: skip
