"""Work that is shared by processes, as one process sees it; two real ones run in the runner's tests."""

import pytest
import torch

from tia2.errors import FinetuneError
from tia2.finetune.training.processes import Processes


@pytest.mark.parametrize(("items", "count"), [(10, 3), (2, 3), (0, 2), (7, 1), (8, 4)])
def test_shares_are_stretches_of_nearly_equal_length_that_miss_nothing(items, count):
    shares = [Processes(rank, count).share(range(items)) for rank in range(count)]
    assert [item for share in shares for item in share] == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_process_that_is_alone_needs_no_process_group(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    alone = Processes.joined("cpu")
    assert (alone.rank, alone.count, alone.device, alone.main) == (0, 1, "cpu", True)
    assert alone.gather(lambda: 3) == [3]
    assert alone.on_main(lambda: 4) == 4
    assert alone.together(lambda: 5) == 5
    weight = torch.nn.Parameter(torch.ones(2))
    alone.accumulate([weight], lambda: weight.sum().backward())
    assert weight.grad.tolist() == [1, 1]
    alone.agree([weight])
    alone.leave()
    assert not torch.distributed.is_initialized()


def test_one_device_for_several_processes_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(FinetuneError, match="Each of several processes takes a device of its own"):
        Processes.joined("cpu:0")
