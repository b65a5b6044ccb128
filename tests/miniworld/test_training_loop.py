from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tia2.miniworld.training.loop import Schedule, StepRandom, Training, fit  # noqa: E402


def model() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 1)


def train(state: Path, until: int | None = None) -> torch.Tensor:
    net = model()

    def loss(random: StepRandom) -> torch.Tensor:
        inputs = random.normal(8, 3)
        return (net(inputs) - inputs.sum(1, keepdim=True)).square().mean()

    fit(net, loss, Schedule(300, 0.05, 10), Training(state, 300, seed=4), average=0.9, until=until)
    return net.weight.detach().clone()


def test_training_learns(tmp_path: Path) -> None:
    torch.testing.assert_close(train(tmp_path / "a.pt"), torch.ones(1, 3), atol=0.05, rtol=0)


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = train(tmp_path / "a.pt")
    halfway = train(tmp_path / "b.pt", until=120)
    resumed = train(tmp_path / "b.pt")
    assert not torch.equal(halfway, whole)
    assert torch.equal(resumed, whole)


def test_the_schedule_warms_up_and_ends_near_zero() -> None:
    schedule = Schedule(1000, 1.0, 100)
    rates = [schedule.rate(step) for step in range(1000)]
    assert max(rates) == pytest.approx(1.0)
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] < 0.02


def test_steps_have_their_own_randomness() -> None:
    assert torch.equal(StepRandom.of(1, 2).normal(5), StepRandom.of(1, 2).normal(5))
    assert not torch.equal(StepRandom.of(1, 2).normal(5), StepRandom.of(1, 3).normal(5))
