"""Runs in processes that are forked from one which has sampled, since what that does first takes longer than they do.

python forked_runs.py FOLDER SETTINGS SETTINGS [SETTINGS …]
    Of the first settings, FOLDER/whole is a run that nothing disturbs; FOLDER/killed-0 and on are runs that are killed
    at ten drawn moments in all, and resumed each time. A moment is a report of progress or anything that Python does to
    a file of the run.
    FOLDER/single-0 is the run of the second settings by one process, FOLDER/shared-0 by two that share it, and so on.
    Beside each lies a file of what every process took as rewards and made of them, and one of the first gradients.
    FOLDER/bereft is single-0 again, by two of which the second is killed in the second epoch; one process resumes it.
"""

import gc
import json
import os
import random
import signal
import socket
import sys
from pathlib import Path

import accelerate  # noqa: F401 - imported before the fork
import torch

from tia2.errors import FinetuneError
from tia2.finetune.ddpo.advantages import Advantages
from tia2.finetune.runner.run import Run
from tia2.finetune.settings.run import checked
from tia2.finetune.training.processes import Processes

KILLS = 10
PATIENCE = 120
"""Seconds after which processes that wait for one another are given up."""


def warm(folder, settings):
    """Do before the fork what a process is slow at the first time: importing, loading, sampling and scoring.

    Nothing is trained: what autograd starts for gradients must not be forked.
    """
    Run(folder, settings).evaluator.evaluate(lambda *_: None)
    gc.collect()
    gc.freeze()  # A child that collected garbage would look at all of it again, and copy the memory it lies in.


def begun(work):
    """Begin something in a process of its own, which exits with 0 if it succeeds and 1 if not."""
    process = os.fork()
    if process:
        return process
    try:
        signal.alarm(PATIENCE)
        work()
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def ended(*processes):
    """Wait for processes, and return the signal that killed the last, 0 for none."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
    if any(code not in (0, -signal.SIGKILL) for code in codes):
        raise SystemExit(f"runs failed with exit codes {codes}")
    return -codes[-1]


def live(folder, settings, killed_at=None, counted=None):
    """Run to the end, or until the moment at which the process kills itself."""
    moments = 0

    def moment():
        nonlocal moments
        moments += 1
        if moments == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event, args):
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") and str(folder) in str(args[0]):
            moment()

    sys.addaudithook(audit)
    run = Run(folder, settings)
    run.report_to(lambda *_: moment())
    run.go()
    if counted is not None:
        counted.write_text(str(moments))


def kill(folder, settings):
    """Kill runs at drawn moments."""
    counted = folder / "moments"
    ended(begun(lambda: live(folder / "whole", settings, counted=counted)))
    moments = int(counted.read_text())
    draw = random.Random(20240401)
    kills, runs = 0, 0
    while kills < KILLS:
        # Short enough that most lives end before the run does.
        path, moment = folder / f"killed-{runs}", draw.randrange(1, moments // 3)
        if ended(begun(lambda path=path, moment=moment: live(path, settings, moment))):
            kills += 1
        else:
            runs += 1
    ended(begun(lambda: live(folder / f"killed-{runs}", settings)))
    (folder / "kills").write_text(str(kills))


def recorded(folder, settings, name, killed_in=None):
    """Run to the end, and keep what each epoch's rewards and advantages were, or what stopped the run."""
    kept, of, accumulate = [], Advantages.of, Processes.accumulate
    gradients = Path(f"{folder}.{name}.pt")

    def keep(self, prompts, rewards):
        if len(kept) == killed_in:
            os.kill(os.getpid(), signal.SIGKILL)
        advantages = of(self, prompts, rewards)
        kept.append({"prompts": prompts, "rewards": rewards.tolist(), "advantages": advantages.tolist()})
        return advantages

    def keep_first(self, parameters, work):
        outcome = accumulate(self, parameters, work)
        if not gradients.exists():
            torch.save([None if weight.grad is None else weight.grad.clone() for weight in parameters], gradients)
        return outcome

    Advantages.of, Processes.accumulate = keep, keep_first
    try:
        Run(folder, settings).go()
    except FinetuneError as error:
        kept.append(str(error))
    Path(f"{folder}.{name}.json").write_text(json.dumps(kept))


def rank(number, count, port, work):
    """Be one of the processes that torchrun would start."""
    os.environ |= {
        "RANK": str(number),
        "LOCAL_RANK": str(number),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    work()


def share(folder, settings, number):
    """Run by one process and by two."""
    single, shared = folder / f"single-{number}", folder / f"shared-{number}"
    ended(begun(lambda: recorded(single, settings, "only")))
    ended(*two(shared, settings))


def bereave(folder, settings):
    """Run by two processes of which the second is killed, and resume by one."""
    path = folder / "bereft"
    survivor, victim = two(path, settings, killed_in=1)
    if ended(survivor):
        raise SystemExit("the first process was killed")
    if ended(victim) != signal.SIGKILL:
        raise SystemExit("the second process wasn't killed")
    ended(begun(lambda: recorded(path, settings, "resumed")))


def two(path, settings, killed_in=None):
    """Begin two processes that share a run, the second of which may kill itself in an epoch."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [
        begun(
            lambda own=own: rank(
                own, 2, port, lambda: recorded(path, settings, f"rank-{own}", killed_in if own else None)
            )
        )
        for own in range(2)
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    place, *files = sys.argv[1:]
    killed, *shared = [checked(json.loads(Path(file).read_text()), "a test") for file in files]
    warm(Path(place) / "warm", shared[0])
    kill(Path(place), killed)
    for position, own in enumerate(shared):
        share(Path(place), own, position)
    bereave(Path(place), shared[0])
