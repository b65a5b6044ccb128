"""A study: a folder with what is asked, of whom, and every vote."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tia2.errors import StudyError
from tia2.files import new_folder, replacing
from tia2.people.store import tokens
from tia2.people.store.database import FILE, VotesFile
from tia2.people.store.export import votes_frame
from tia2.people.store.items import NewItem, RaterQueue, StudyItem, StudyRater
from tia2.people.store.pictures import common_format, stored_name, without_origin
from tia2.people.store.question import StudyQuestion
from tia2.people.store.queues import Queues
from tia2.people.store.settings import StudySettings

if TYPE_CHECKING:
    import sqlite3

    import pandas as pd

IMAGES = "images"
LONGEST_TEXT = 5000


class Study:
    """A study that exists; `Study.create` makes one.

    Args:
        folder: The study's folder.
        durable: Whether a vote is on the disk before it is confirmed; see `VotesFile`.
        clock: Returns the time in seconds.

    Raises:
        StudyError: The folder holds no study, or it is damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     item = NewItem("a", "a cat", texts=("a dog",))
        ...     asked = StudySettings(name="texts", question={"kind": "contrast"}, gold_share=0)
        ...     study = Study.create(Path(folder) / "study", asked, [item])
        ...     rater = study.add_rater("Ann")
        ...     (given,) = study.queue(rater).assignments
        ...     study.vote(rater, given.id, {"different": "yes", "failure": "no"}, "a vote")
        ...     votes = study.votes()
        ...     study.close()
        True
        >>> votes[["item", "rater", "different", "failure"]].values.tolist()
        [['a', 'Ann', 'yes', 'no']]
    """

    def __init__(self, folder: Path, *, durable: bool = True, clock: Callable[[], float] = time.time) -> None:
        self.folder = Path(folder)
        self.settings = StudySettings.read(self.folder)
        self._key = tokens.read_secret(self.folder)
        self.file = VotesFile(self.folder / FILE, durable=durable)
        self._clock = clock
        self._queues = Queues(self.file, self.settings, clock)

    @classmethod
    def create(
        cls,
        folder: Path,
        settings: StudySettings,
        items: Iterable[NewItem],
        *,
        durable: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> Study:
        """Make a study; the folder appears as a whole or not at all.

        Images are copied into it without their metadata, under names made of their content.

        Args:
            folder: A folder that is new or empty.
            settings: The question, and how the work is shared out.
            items: The items.
            durable: Whether a vote is on the disk before it is confirmed.
            clock: Returns the time in seconds.

        Raises:
            StudyError: There are no items, a key is there twice, an item doesn't fit the question, an image can't be
                read, or the folder can't be written to.
        """
        listed = list(items)
        _check(listed, settings.question)
        suffix = common_format(path for item in listed for path in item.images)
        with new_folder(Path(folder), StudyError, "A study needs a new or empty folder.") as unfinished:
            settings.write(unfinished)
            tokens.new_secret(unfinished)
            (unfinished / IMAGES).mkdir()
            file = VotesFile(unfinished / FILE, new=True, durable=False)
            with file.writing() as connection:
                for number, item in enumerate(listed):
                    names = [_stored(path, suffix, unfinished / IMAGES) for path in item.images]
                    connection.execute(
                        "INSERT INTO items (number, key, prompt, images, texts, elements, facts, gold, wanted) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            number,
                            item.key,
                            item.prompt,
                            json.dumps(names),
                            json.dumps(list(item.texts)),
                            json.dumps(list(item.elements)),
                            json.dumps(dict(item.facts)),
                            None if item.gold is None else json.dumps(item.gold),
                            0 if item.gold is not None else settings.votes_per_item,
                        ),
                    )
            file.close()
        return cls(Path(folder), durable=durable, clock=clock)

    def close(self) -> None:
        """Close the file of votes."""
        self.file.close()

    @property
    def owner_token(self) -> str:
        """The token of the owner's link."""
        return tokens.token_of(self._key, tokens.OWNER)

    def add_rater(self, name: str, *, new: bool = False) -> StudyRater:
        """Add a person; a name that is there already stands for the same person.

        Args:
            name: Name of the person.
            new: Whether the name must not be there yet: nobody gets the link of another by a name.

        Raises:
            StudyError: The name is empty, too long, or taken.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= 80 or not name.isprintable():
            raise StudyError(f"Expected a rater's name of 1 to 80 letters, got {name!r:.90}.")
        with self.file.writing() as connection:
            added = connection.execute(
                "INSERT INTO raters (number, id, name, added) "
                "SELECT coalesce(max(number) + 1, 0), ?, ?, ? FROM raters WHERE true ON CONFLICT (name) DO NOTHING",
                (tokens.new_id(), name, self._clock()),
            ).rowcount
        if new and not added:
            raise StudyError("That name is taken: use your own link, or choose another name.")
        return next(rater for rater in self.raters() if rater.name == name)

    def raters(self) -> list[StudyRater]:
        """Return the raters in order of joining."""
        rows = self.file.rows("SELECT number, id, name FROM raters ORDER BY number")
        return [self._rater(row) for row in rows]

    def bearer(self, token: str) -> StudyRater | str | None:
        """Return whose a token is: a rater, "owner", or None if nobody's."""
        who = tokens.bearer_of(self._key, token)
        if who is None or who == tokens.OWNER:
            return who
        rows = self.file.rows("SELECT number, id, name FROM raters WHERE id = ?", who)
        return self._rater(rows[0]) if rows else None

    def _rater(self, row: sqlite3.Row) -> StudyRater:
        return StudyRater(row["number"], row["id"], row["name"], tokens.token_of(self._key, row["id"]))

    def items(self) -> list[StudyItem]:
        """Return all items, those with a known answer included, in their order."""
        return [StudyItem.of(row) for row in self.file.rows("SELECT * FROM items ORDER BY number")]

    def items_of(self, numbers: Sequence[int]) -> list[StudyItem]:
        """Return the items of these numbers, as far as there are such, in their order."""
        marks = ", ".join("?" * len(numbers))
        rows = self.file.rows(f"SELECT * FROM items WHERE number IN ({marks}) ORDER BY number", *numbers)
        return [StudyItem.of(row) for row in rows]

    def queue(self, rater: StudyRater, ahead: int = 1) -> RaterQueue:
        """Return what waits for a rater, and give out more where it is less than asked.

        Args:
            rater: The rater.
            ahead: Items to return, as far as there are enough.
        """
        return self._queues.queue(rater.number, ahead)

    def picture(self, rater: StudyRater, assignment: str, number: int) -> Path:
        """Return the file of an image as a rater sees it: of a pair, the left one first.

        Args:
            rater: The rater.
            assignment: Id of something that was given to this rater.
            number: Number of the image, from 0.

        Raises:
            StudyError: It was not given to this rater, or has no such image.
        """
        rows = self.file.rows(
            "SELECT i.images, a.swapped FROM assignments a JOIN items i ON i.number = a.item "
            "WHERE a.id = ? AND a.rater = ?",
            assignment,
            rater.number,
        )
        names: list[str] = json.loads(rows[0]["images"]) if rows else []
        if not 0 <= number < len(names):
            raise StudyError("There is no such image.")
        if rows[0]["swapped"]:
            half = len(names) // 2
            names = names[half:] + names[:half]
        return self.folder / IMAGES / names[number]

    def vote(
        self, rater: StudyRater, assignment: str, answer: object, vote_id: str, seconds: float | None = None
    ) -> bool:
        """Keep a vote, in one transaction; once this returns, no crash of a program loses it.

        Args:
            rater: The rater.
            assignment: Id of something that was given to this rater.
            answer: A value per aspect; of a pair, "left", "right" or "tie".
            vote_id: Id that the page made for the vote: sent twice, it counts once.
            seconds: Time that it took.

        Returns:
            Whether it is kept now: true also when it was kept before. False when the item has gone to somebody else
            meanwhile, or has another vote of this rater's already.

        Raises:
            StudyError: It was not given to this rater, or the answer isn't one.
        """
        if not isinstance(vote_id, str) or not 0 < len(vote_id) <= 64:
            raise StudyError("Expected an id of 1 to 64 characters for the vote.")
        return self._queues.vote(rater.number, assignment, answer, vote_id, seconds)

    def undo(self, rater: StudyRater, vote_id: str) -> bool:
        """Take a vote back: the item is asked about again, next. Undone votes stay in the file, and don't count.

        Args:
            rater: The rater.
            vote_id: Id of the vote.

        Returns:
            Whether the vote is undone now, also if it was before; false for a vote that isn't this rater's.
        """
        return self._queues.undo(rater.number, vote_id)

    def votes(self, *, everything: bool = False) -> pd.DataFrame:
        """Return the votes, one row each, in order of arrival.

        Args:
            everything: Whether to return undone votes, too, with the time in the column `undone`.

        Returns:
            Columns item (its key), rater (name), slot (item, gold or repeat), position, swapped, seconds, at (seconds
            since 1970), undone, and one per aspect; of a question about elements, `answer`, a mapping.
        """
        return votes_frame(self.file, self.settings.question, everything)

    def backup(self, path: Path) -> None:
        """Write a copy of all votes as they are at one moment, while people vote on.

        Args:
            path: The file to write, whole or not at all.

        Raises:
            StudyError: It is there already, or can't be written.
        """
        if path.exists():
            raise StudyError(f"{path} is there already: choose another name for the backup.")
        with replacing(path, StudyError) as unfinished:
            self.file.copy_to(unfinished)


def _check(items: Sequence[NewItem], question: StudyQuestion) -> None:
    if not any(item.gold is None for item in items):
        raise StudyError("A study needs items to ask about, and there are none.")
    keys = set()
    for item in items:
        if item.key in keys:
            raise StudyError(f"The item {item.key!r} is there twice.")
        keys.add(item.key)
        texts = [item.prompt, *item.texts, *item.elements]
        if not item.prompt.strip() or max(map(len, texts)) > LONGEST_TEXT:
            raise StudyError(f"The item {item.key!r} has an empty prompt, or a text of over {LONGEST_TEXT} letters.")
        if question.kind == "elements" and (not item.elements or len(set(item.elements)) < len(item.elements)):
            raise StudyError(f"The item {item.key!r} needs elements to ask about, each once.")
        if question.kind == "pair" and (not item.images or len(item.images) % 2):
            raise StudyError(f"The item {item.key!r} needs two images, or two strips of equal length.")
        if question.kind in ("aligned", "rating", "elements") and len(item.images) != 1:
            raise StudyError(f"The item {item.key!r} needs one image, got {len(item.images)}.")
        if item.gold is not None:
            question.checked(item.gold, item.elements)


def _stored(path: Path, suffix: str, folder: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path} can't be read: {error.strerror}.") from None
    bare = without_origin(content, suffix, str(path))
    name = stored_name(bare, suffix)
    (folder / name).write_bytes(bare)
    return name
