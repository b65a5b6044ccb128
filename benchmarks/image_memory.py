"""Memory of exporting, loading and scoring a benchmark of real-size JPEGs, each in a process of its own.

Run `python benchmarks/image_memory.py --count 27500` (it writes three times 100 KB per image to a temporary folder).
Images are 512 pixels wide and 100 KB large, and no two have the same bytes. It prints the most anonymous memory of each
step, which is what the system can't take back, and the most with pages of mapped files, which it can; both in MiB above
what the process had with everything imported. The reward is a stand-in that looks at few pixels.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
STEPS = ("export of files", "load", "export of Parquet", "score")


def status(field: str) -> float:
    """Return a field of this process's memory, in MiB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{field}:")[2].split()[0]) / 1024


class Peak:
    """Watches this process's memory from a thread; use it in a `with`.

    Attributes:
        anonymous: Most anonymous memory beyond that at the start, in MiB.
        resident: Most memory in all beyond that at the start, in MiB.
    """

    def __enter__(self) -> Peak:
        self._start = status("RssAnon"), status("VmRSS")
        self.anonymous = self.resident = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.anonymous = max(self.anonymous, status("RssAnon") - self._start[0])
            self.resident = max(self.resident, status("VmRSS") - self._start[1])


def make_images(folder: Path, count: int) -> None:
    """Write JPEGs of 100 KB that no two processes of compression would share."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)).resize((512, 512))
    file = io.BytesIO()
    smooth.save(file, "JPEG", quality=90)
    picture = file.getvalue()
    rest = max(0, 100_000 - len(picture))
    folder.mkdir()
    for number in range(count):
        # Bytes after the end of a picture are no part of it.
        (folder / f"{number:07d}.jpg").write_bytes(picture + rng.bytes(rest))


def columns(count: int) -> dict[str, list[object]]:
    """Return the columns of a benchmark of 50 images per prompt."""
    prompts = [f"a/{number // 50}" for number in range(count)]
    return {
        "item_id": [f"a/{number}" for number in range(count)],
        "subset": ["a"] * count,
        "prompt_id": prompts,
        "prompt": [f"prompt {name}" for name in prompts],
        "votes": [[number % 2, number % 3 % 2, 1] for number in range(count)],
        "contrastive_prompts": [[f"not {name}"] for name in prompts],
    }


def stand_in(images: list, texts: list[str]) -> list[float]:  # type: ignore[type-arg]
    """Return a reward that costs nothing."""
    return [float(image.getpixel((0, 0))[0] + len(text)) for image, text in zip(images, texts, strict=True)]


def measure(step: str, folder: Path) -> None:
    """Do one step, and print a row."""
    import datasets

    import tia2
    from tia2.benchmark import export, load

    datasets.disable_progress_bars()
    images = sorted((folder / "images").iterdir())
    rows = datasets.Dataset.from_dict(columns(len(images)) | {"image": [str(path) for path in images]})
    rows = rows.cast_column("image", datasets.Image())
    start = time.process_time()
    with Peak() as peak:
        if step == "export of files":
            export(load(rows), folder / "exported")
        elif step == "load":
            len(load(folder / "exported").missing_images)
        elif step == "export of Parquet":
            export(load(folder / "exported"), folder / "again")
        else:
            tia2.score(stand_in, load(folder / "exported"), folder / "scores", batch_size=64)
    print(
        f"{step:<18} {len(images):>9,} {peak.anonymous:>10.0f} {peak.resident:>10.0f} "
        f"{time.process_time() - start:>8.1f}",
        flush=True,
    )


def main() -> None:
    """Measure every step at each count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, nargs="+", default=[1000, 4000], help="numbers of images")
    parser.add_argument("--steps", nargs="+", default=STEPS, choices=STEPS, help="steps to measure, in this order")
    parser.add_argument("--one", nargs=2, help="measure one step in this process: its name, and the folder")
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments.one[0], Path(arguments.one[1]))
        return
    print(f"{'step':<18} {'images':>9} {'anonymous':>10} {'resident':>10} {'CPU s':>8}")
    for count in arguments.count:
        with tempfile.TemporaryDirectory(prefix="tia2-images-") as name:
            make_images(Path(name) / "images", count)
            environment = {**os.environ, "HF_HOME": f"{name}/hf", "HF_HUB_OFFLINE": "1"}
            for step in arguments.steps:
                subprocess.run([sys.executable, __file__, "--one", step, name], check=True, env=environment)


if __name__ == "__main__":
    main()
