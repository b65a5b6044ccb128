"""Several processes that share one folder divide the work, and end with the table of one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest

from tia2.errors import ScoreTableError
from tia2.scoring import ScoreTable, score
from tia2.scoring.plan import shard_order

REWARD = """
import os, time
from pathlib import Path
import numpy as np

def waiting(images, texts):
    time.sleep(0.02 * len(set(map(id, images))))
    with open(Path(__file__).with_name("calls"), "a") as calls:
        calls.write("".join(f"{os.getpid()} {image.info.get('n', image.size)}\\n" for image in images))
    return [float(np.asarray(image, float).mean()) + len(text) / 100 for image, text in zip(images, texts)]
"""
ITEMS, SIZE = 48, 4


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 20])
def test_every_part_takes_every_shard_once_and_its_own_first(parts):
    orders = [shard_order(13, part, parts) for part in range(parts)]
    own = []
    for part, order in enumerate(orders):
        assert sorted(order) == list(range(13))
        own += order[: 13 * (part + 1) // parts - 13 * part // parts]
    assert own == list(range(13))


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory, rows) -> Path:
    path = tmp_path_factory.mktemp("parts") / "some.parquet"
    some = [rows[number % len(rows)] | {"item_id": f"counting/image_{number}"} for number in range(ITEMS)]
    features = datasets.Dataset.from_list(rows).features | {"image": datasets.Image()}
    datasets.Dataset.from_list(some, features=datasets.Features(features)).to_parquet(path)
    return path


SCORED = f"""
import sys
from tia2.scoring import score
reward, benchmark, out, part, parts = sys.argv[1:]
score(reward, benchmark, out, shard_size={SIZE}, batch_size={SIZE}, part=(int(part), int(parts)))
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


@pytest.mark.parametrize("parts", [2, 4])
def test_processes_divide_the_shards_and_give_the_bytes_of_one(fork, benchmark, tmp_path, parts):
    (tmp_path / "slow.py").write_text(REWARD)
    spec, whole, shared = f"{tmp_path / 'slow.py'}:waiting", tmp_path / "whole", tmp_path / "shared"
    score(spec, benchmark, whole, shard_size=SIZE, batch_size=SIZE)
    alone = len((tmp_path / "calls").read_text().split("\n"))
    (tmp_path / "calls").unlink()
    words = (spec, benchmark, shared)
    several = [fork(*words, part, parts, code=SCORED) for part in range(parts)]
    ended = [process.wait() for process in several]
    assert ended == [0] * parts, [process.err.read_text()[-2000:] for process in several]
    assert contents(shared) == contents(whole)
    assert ScoreTable.load(shared).manifest.complete
    calls = (tmp_path / "calls").read_text().split("\n")
    by_process = Counter(line.split()[0] for line in calls if line)
    if parts == 2:  # more of them than cores need not all come to work before everything is done
        assert len(by_process) == 2
        # A shard that both are at when they meet is scored twice.
        assert len(calls) <= alone * (1 + 3 * SIZE / ITEMS)


def test_one_part_alone_makes_the_whole_table(benchmark, tmp_path):
    def brightness(images, texts):
        return [float(len(text)) for text in texts]

    whole = score(brightness, benchmark, tmp_path / "whole", shard_size=SIZE)
    part = score(brightness, benchmark, tmp_path / "part", shard_size=SIZE, part=(2, 3))
    assert contents(tmp_path / "part") == contents(tmp_path / "whole")
    np.testing.assert_array_equal(part.rewards, whole.rewards)


def test_a_part_that_does_not_exist_is_refused(benchmark):
    with pytest.raises(ScoreTableError, match="Part 3/3 doesn't exist: parts are numbered from 0/3"):
        score(lambda images, texts: [0.0] * len(texts), benchmark, part=(3, 3))


@pytest.mark.parametrize("given", ["3/3", "1", "a/b", "-1/2", "0/0"])
def test_the_command_says_what_a_part_looks_like(cli, given):
    said = cli("score", "--reward", "mini-strong", f"--part={given}")
    assert said.code == 1
    assert said.err.startswith(f"error: --part is '{given}'; expected a number from 0 and the number of parts")


def test_a_part_does_not_overwrite_the_others(cli):
    said = cli("score", "--reward", "mini-strong", "--part", "0/2", "--overwrite")
    assert "--overwrite would delete what the other parts have done" in " ".join(said.err.split())
