"""A real Ray on this machine: whatever becomes of workers, driver, images and disk, no shard is lost or made twice."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import datasets
import pytest

import tia2
from tia2.errors import MissingDependencyError, ScoreTableError
from tia2.scoring.engines import _crew, ray_cluster
from tia2.scoring.engines.job import Job
from tia2.scoring.engines.ray_cluster import Cluster, score_on_ray
from tia2.scoring.plan import ScoringOptions

REWARD = """
import os, resource, signal, time
from pathlib import Path
import numpy as np
from tia2.rewards import DualEncoder

HERE = Path(__file__).parent

class Faulty(DualEncoder):
    def __init__(self, *, device=None):
        pass
    def prepare_image(self, image):
        return np.asarray(image, dtype=np.float32)
    def embed_images(self, prepared):
        for item in (int(image[0, 0, 0]) for image in prepared):
            if (HERE / f"waits-{item}").exists():
                time.sleep(30)
            if (HERE / f"kills-once-{item}").exists():
                (HERE / f"kills-once-{item}").unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            if (HERE / f"raises-once-{item}").exists():
                (HERE / f"raises-once-{item}").unlink()
                raise KeyError("lost")
            if (HERE / f"kills-{item}").exists():
                os._exit(3)
            if (HERE / f"memory-{item}").exists():
                np.ones(2**50)
            if (HERE / f"disk-{item}").exists():
                resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
            if not (HERE / "quiet").exists():
                with open(HERE / "calls", "a") as calls:
                    calls.write(f"{item}\\n")
        return np.stack(prepared).mean(axis=(1, 2)) + 1
    def embed_texts(self, texts):
        return np.array([[len(text), 1, sum(map(ord, text)) % 7] for text in texts], dtype=np.float32)
"""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Other tests may fill this machine's memory: Ray would end workers that have nothing to do with it.
    "RAY_memory_monitor_refresh_ms": "0",
    # Ray's own token lies in the home folder, which is another one in tests.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "5" * 64,
}
ITEMS, SIZE = 48, 4
DRIVER = f"""
import os, sys
os.environ.update({ENVIRONMENT})
from tia2.scoring.engines.job import Job
from tia2.scoring.engines.ray_cluster import Cluster, score_on_ray
from tia2.scoring.plan import ScoringOptions
reward, benchmark, out, address = sys.argv[1:]
job = Job(reward, benchmark, options=ScoringOptions(batch_size=2, shard_size={SIZE}))
score_on_ray(job, out, Cluster(address, workers=2))
"""


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def address(patch):
    """Start one cluster for all tests: this machine alone, and its loopback interface alone."""
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    ray = pytest.importorskip("ray", reason="needs ray: pip install 'tia2[scale]'")
    options = {"include_dashboard": False, "log_to_driver": False, "object_store_memory": 80 * 2**20}
    ray.init(address="local", num_cpus=4, **options)
    address = ray.get_runtime_context().gcs_address
    assert address.startswith("127.0.0.1:")
    yield address
    ray.shutdown()


@pytest.fixture(scope="module")
def world(tmp_path_factory, rows) -> SimpleNamespace:
    """A reward that does what files beside it say, a benchmark of 12 shards, and the table of a run left alone."""
    import io

    from PIL import Image

    def png(number: int) -> dict:
        file = io.BytesIO()
        Image.new("RGB", (6, 6), (number, 255 - number, 7)).save(file, "PNG")
        return {"bytes": file.getvalue(), "path": None}

    folder = tmp_path_factory.mktemp("ray")
    (folder / "faulty.py").write_text(REWARD)
    many = [
        rows[number % len(rows)] | {"item_id": f"counting/image_{number}", "image": png(number)}
        for number in range(ITEMS)
    ]
    features = datasets.Features(datasets.Dataset.from_list(rows).features | {"image": datasets.Image()})

    def write(many: list[dict]) -> None:
        datasets.Dataset.from_list(many, features=features).to_parquet(folder / "many.parquet")

    reward, benchmark = f"{folder / 'faulty.py'}:Faulty", folder / "many.parquet"
    write(many)
    (folder / "quiet").touch()
    tia2.score(reward, benchmark, folder / "whole", shard_size=SIZE, batch_size=2)
    (folder / "quiet").unlink()

    def calls() -> Counter:
        """Return how often each item was scored since this was asked last."""
        path = folder / "calls"
        counted = Counter(map(int, path.read_text().split())) if path.exists() else Counter()
        path.unlink(missing_ok=True)
        return counted

    def count() -> int:
        path = folder / "calls"
        return len(path.read_text().split()) if path.exists() else 0

    return SimpleNamespace(
        folder=folder, reward=reward, benchmark=benchmark, many=many, write=write, calls=calls, count=count
    )


def job(world: SimpleNamespace) -> Job:
    return Job(world.reward, str(world.benchmark), options=ScoringOptions(batch_size=2, shard_size=SIZE))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def facts(folder: Path) -> tia2.scoring.Manifest:
    return tia2.scoring.Manifest.read(folder / "manifest.json").model_copy(update={"created": ""})


def shards(folder: Path) -> int:
    return len(list(folder.glob("shards/*.parquet")))


@pytest.mark.slow
def test_full_disk_killed_driver_and_every_fault_of_a_shard(world, address, fork, tmp_path, monkeypatch):
    # One worker, and then there is no room on the disk.
    (world.folder / "disk-9").touch()
    with pytest.raises(
        ScoreTableError, match=r"^2 shards have no rewards, and the run has stopped\. Shard 2: .* written"
    ):
        score_on_ray(job(world), tmp_path, Cluster(workers=1))
    (world.folder / "disk-9").unlink()
    assert shards(tmp_path) == 2
    assert world.calls() == dict.fromkeys(range(16), 1)

    # Two workers, whose driver is killed when five shards are there and both are in the middle of one.
    for item in range(22, ITEMS, SIZE):
        (world.folder / f"waits-{item}").touch()
    driver = fork(world.reward, world.benchmark, tmp_path, address, code=DRIVER)
    until = time.monotonic() + 90
    while world.count() < 16 and driver.process.is_alive() and time.monotonic() < until:
        time.sleep(0.1)
    driver.process.kill()
    assert driver.wait() == -signal.SIGKILL, driver.err.read_text()
    assert shards(tmp_path) == 5, driver.err.read_text()
    calls = world.calls()
    assert set(range(8, 22)) < set(calls)
    assert (len(calls), set(calls.values())) == (16, {1})
    for item in range(22, ITEMS, SIZE):
        (world.folder / f"waits-{item}").unlink()

    # Four workers, and shards that fail in every way: one kills its worker once, and one each time.
    many = list(world.many)
    many[26] = many[26] | {"image": {"bytes": many[26]["image"]["bytes"][:50], "path": None}}
    world.write(many)
    for fault in ("kills-once-21", "raises-once-33", "memory-37", "kills-45"):
        (world.folder / fault).touch()
    monkeypatch.setattr(_crew, "ATTEMPTS", 2)
    log, done = [], []
    with pytest.raises(ScoreTableError) as failed:
        score_on_ray(job(world), tmp_path, Cluster(workers=4), progress=lambda *at: done.append(at), report=log.append)
    said = str(failed.value)
    assert said.startswith("3 shards have no rewards. Shard 6: The image of counting/image_26 is damaged")
    assert "Shard 9: Reward 'Faulty' runs out of memory even with one input at a time" in said
    assert "Shard 11: its worker ended: " in said
    assert ", 2 times." in said
    assert sum(" ended at shard 5 (" in text for text in log) == 1, log
    assert sum(" ended at shard 11 (" in text for text in log) == 2, log
    assert "Shard 8 failed (KeyError: 'lost')." in log
    assert done[-1] == ("items", 36, ITEMS)
    assert shards(tmp_path) == 9
    assert not facts(tmp_path).complete

    # What is well again is resumed by this process, and nothing else is scored again.
    world.calls()
    for fault in ("memory-37", "kills-45"):
        (world.folder / fault).unlink()
    world.write(world.many)
    table = tia2.score(world.reward, world.benchmark, tmp_path, shard_size=SIZE)
    assert table.computed == 12
    assert world.calls() == dict.fromkeys((*range(24, 28), *range(36, 40), *range(44, 48)), 1)
    assert contents(tmp_path) == contents(world.folder / "whole")
    assert facts(tmp_path) == facts(world.folder / "whole")
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.slow
def test_any_number_of_workers_gives_the_bytes_of_one_process(world, address, tmp_path):
    (world.folder / "quiet").touch()
    for workers in (1, 2, 4):
        folder = tmp_path / str(workers)
        table = score_on_ray(job(world), folder, Cluster(workers=workers))
        assert table.computed == ITEMS
        assert contents(folder) == contents(world.folder / "whole")
        assert facts(folder) == facts(world.folder / "whole")
    (world.folder / "quiet").unlink()

    # What Ray began, this process resumes.
    for lost in (2, 7, 11):
        (tmp_path / "4" / "shards" / f"{lost:05d}.parquet").unlink()
    table = tia2.score(world.reward, world.benchmark, tmp_path / "4", shard_size=SIZE)
    assert table.computed == 3 * SIZE
    assert contents(tmp_path / "4") == contents(world.folder / "whole")
    world.calls()


def test_the_command_hands_over_names_and_paths(cli, world, tmp_path, monkeypatch):
    jobs = []

    def score(job, folder, cluster, *, progress, report):
        jobs.append((job, cluster))
        report("The worker of long ago ended.")
        progress("items", 48, 48)
        return tia2.score(job.load_reward(), job.load_benchmark(), folder("many", "Faulty"), spec=job.spec)

    monkeypatch.setattr(ray_cluster, "score_on_ray", score)
    monkeypatch.chdir(world.folder)
    words = (
        "--reward",
        "faulty.py:Faulty",
        "--benchmark",
        "many.parquet",
        "--out",
        tmp_path / "out",
        "--engine",
        "ray",
    )
    said = cli("score", *words, "--address", "auto", "--workers", 3, "--worker-gpus", 0.5, "--skip-bad-images")
    assert said.code == 0, said.err
    assert "warning: The worker of long ago ended." in said.err
    [(job, cluster)] = jobs
    assert cluster == Cluster("auto", 3, 0.5)
    assert (job.reward, job.spec, job.benchmark) == (world.reward, "faulty.py:Faulty", str(world.benchmark))
    assert job.options == ScoringOptions(bad_images="skip")
    assert tia2.ScoreTable.load(tmp_path / "out").manifest.reward.spec == "faulty.py:Faulty"
    world.calls()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--engine", "rai"), "Unknown engine 'rai'. Did you mean 'ray'?"),
        (("--workers", 2), "--address, --workers and --worker-gpus are for --engine ray"),
        (
            ("--engine", "ray", "--part", "0/2"),
            "--engine ray divides the work by itself: leave out --part and --devices",
        ),
    ],
)
def test_the_command_refuses_what_does_not_go_together(cli, words, message):
    said = cli("score", "--reward", "mini-web", *words)
    assert said.code in (1, 2)
    assert message in " ".join(said.err.split())


def test_a_cluster_that_is_not_there(world, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs ray: pip install 'tia2[scale]'")
    with pytest.raises(ScoreTableError, match="workers is 0; expected at least 1"):
        Cluster(workers=0)
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"needs ray, which isn't installed.*tia2\[scale\]"):
        score_on_ray(job(world), tmp_path)
