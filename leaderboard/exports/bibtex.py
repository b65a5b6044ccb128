"""What to cite: the paper behind the benchmark, and the submitted references that are harmless."""

from __future__ import annotations

from tia2._version import __version__

from ..data.board import Board
from ..data.references import parse as parse
from ..data.store import slug
from .latex import escaped

PAPER = """@inproceedings{kim2024confidence,
  title = {Confidence-aware Reward Optimization for Fine-tuning Text-to-Image Models},
  author = {Kim, Kyuyoung and Jeong, Jongheon and An, Minyong and Ghavamzadeh, Mohammad and Dvijotham, Krishnamurthy \
and Shin, Jinwoo and Lee, Kimin},
  booktitle = {International Conference on Learning Representations},
  year = {2024},
  note = {arXiv:2404.01863},
}
"""


def reference_of_view(board: Board) -> str:
    """Return a BibTeX entry of the board's page; the page's script puts address and date in place of two words.

    Args:
        board: The board.
    """
    record = board.benchmark
    votes = " The votes are simulated." if record.simulated else ""
    note = f"Items {record.fingerprint[:16]}, votes {record.votes_fingerprint[:16]}, tia2 {__version__}.{votes}"
    return (
        f"@misc{{tia2-{slug(record.name)}-DATE,\n  title = {{{escaped(board.index.store.name)}: "
        f"{escaped(record.title)}}},\n  howpublished = {{\\url{{PERMALINK}}}},\n  note = {{Seen DATE. {note}}},\n}}\n"
    )


def to_bibtex(board: Board) -> str:
    """Return the paper behind the benchmark, then every submitted reference that `parse` understands.

    A key that two different works share gets the model's id behind it.

    Args:
        board: The board.
    """
    references = {"kim2024confidence": PAPER}
    for entry in board.entries:
        cite = entry.listing.card.cite if entry.listing is not None else ""
        reference = parse(cite) if cite.strip() else None
        if reference is not None:
            first = references.setdefault(reference.key.lower(), str(reference))
            if first not in (str(reference), PAPER) and entry.listing is not None:
                # Two works under one key: BibTeX would refuse the file, and dropping one would lose it.
                other = reference._replace(key=f"{reference.key[:60]}-{entry.listing.id}")
                references.setdefault(other.key.lower(), str(other))
    return "\n".join(references.values())
