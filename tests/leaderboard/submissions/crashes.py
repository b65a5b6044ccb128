"""Run by test_crashes.py in a process of its own: receives or accepts, and kills itself at a file's renaming.

Its arguments are a folder for what the jobs say and a JSON list of groups of jobs: store, what ("receive" or
"accept"), file or id, and the renaming, from 0 and not counting those in the index, before or after which to die; or
None to live. Jobs of one group run at the same time. Writes a JSON list of what each said into `said.json`.
"""

import json
import os
import signal
import sys
from pathlib import Path

from tia2.errors import Tia2Error
from tia2.leaderboard.data.store import Store
from tia2.leaderboard.submissions.queue import Queue


def work(job: dict) -> str:
    if job["kill"] is not None:
        replace, count = os.replace, 0

        def deadly(source, target):
            nonlocal count
            here = Path(target).parent.name != "index" and count == job["kill"]
            count += Path(target).parent.name != "index"
            if here and job["when"] == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)

        os.replace = deadly
    try:
        with Queue(Store(job["store"])) as queue:
            if job["what"] == "receive":
                return queue.receive(Path(job["of"]), "somebody").id
            return queue.accept(job["of"], job.get("by", "maintainer")).id
    except Tia2Error as error:
        return f"refused: {error}"


def start(job: dict, said: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        said.write_text(work(job), encoding="utf-8")
    finally:
        os._exit(0)


def main() -> None:
    scratch, groups = Path(sys.argv[1]), json.loads(sys.argv[2])
    for number, group in enumerate(groups):
        files = [scratch / f"{number}-{place}" for place in range(len(group))]
        for child in [start(job, said) for job, said in zip(group, files, strict=True)]:
            os.waitpid(child, 0)
    found = [
        [
            path.read_text(encoding="utf-8") if path.is_file() else "killed"
            for path in sorted(scratch.glob(f"{number}-*"))
        ]
        or ["killed"]
        for number in range(len(groups))
    ]
    (scratch / "said.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
