"""`examples/fleet`: scripts that a scheduler starts say what today's commands understand, and the array's part runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import typer
import yaml

from tia2.commands.score import app

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "examples" / "fleet"
SCRIPTS = sorted(FLEET.glob("*.slurm"))


def commands(text: str) -> list[list[str]]:
    """Return the words of every `tia2 score` in a script or job, with 0/1 for a computed part."""
    joined = re.sub(r"\\\n\s*", "", text)
    found = re.findall(r"(?<!Run )\btia2 score (--.*)", joined)
    return [shlex.split(re.sub(r"\$\(\(.*\)\)/\$\w+", "0/1", line)) for line in found]


@pytest.mark.parametrize("path", [*SCRIPTS, FLEET / "rayjob.yaml"], ids=lambda path: path.name)
def test_the_command_understands_what_is_said(path):
    said = commands(path.read_text())
    assert said
    for words in said:
        typer.main.get_command(app).make_context("score", words)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_sound_bash_and_need_their_settings(path):
    subprocess.run(["bash", "-n", path], check=True)
    ended = subprocess.run(["bash", path], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert ended.returncode
    assert "REWARD: a reward, as tia2 rewards list shows them" in ended.stderr


@pytest.mark.slow
def test_one_job_of_an_array_makes_the_table(tmp_path):
    (tmp_path / "mine.py").write_text("def letters(images, texts):\n    return [len(text) for text in texts]\n")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "REWARD": f"{tmp_path / 'mine.py'}:letters",
        "BENCHMARK": "mini",
        "OUT": str(tmp_path / "out"),
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_ARRAY_TASK_MIN": "3",
        "SLURM_ARRAY_TASK_COUNT": "2",
    }
    script = FLEET / "score_array.slurm"
    ended = subprocess.run(["bash", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert '"complete": true' in (tmp_path / "out" / "manifest.json").read_text()


def test_the_job_of_kubernetes_ends_and_has_gpus_for_workers_alone():
    job = yaml.safe_load((FLEET / "rayjob.yaml").read_text())
    assert job["spec"]["shutdownAfterJobFinishes"] is True
    cluster = job["spec"]["rayClusterSpec"]
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    floor = re.search(r"ray>=([\d.]+)", config["options.extras_require"]["scale"])[1]
    assert cluster["rayVersion"].startswith(floor)
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        pod = group["template"]["spec"]
        [container] = pod["containers"]
        has_gpu = "nvidia.com/gpu" in container["resources"]["limits"]
        assert has_gpu == (group is not cluster["headGroupSpec"])
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_the_image_installs_what_scores_and_runs_as_a_user():
    lines = (FLEET / "Dockerfile").read_text().splitlines()
    extras = re.search(r"/src\[([\w,]+)\]", "\n".join(lines))[1].split(",")
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert set(extras) <= set(config["options.extras_require"])
    assert [line for line in lines if line.startswith("USER")] == ["USER tia2"]
