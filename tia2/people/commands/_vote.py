"""`tia2 people vote`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
Examples:

  tia2 people vote runs/study

  tia2 people vote runs/study --rater Dora --host 0.0.0.0 --port 7870

  tia2 people vote runs/study --public-host votes.example.org --join
"""


def vote(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's folder.")],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for other machines.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port. Default: the next free one from 7870 on.")] = None,
    public_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name that the page is served under; can be repeated.")
    ] = None,
    rater: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A further rater; can be repeated.")] = None,
    join: Annotated[bool, typer.Option("--join", help="Let anybody become a rater under a new name.")] = False,
    links: Annotated[bool, typer.Option("--links", help="Print the links, and serve nothing.")] = False,
) -> None:
    """Serve the page on which people vote, and print each rater's link and the owner's.

    A link is all that a rater needs; give each to one person. 1, 2, 3 answer, ← takes the last vote back. Stop it with
    Ctrl-C whenever you like: nothing is lost, and the same links work when it is started again.
    """
    from tia2 import console
    from tia2.people.page import serving as page
    from tia2.people.store.study import Study

    opened = Study(study)
    for name in rater or ():
        opened.add_rater(name)

    def show(address: str) -> None:
        # Not a table: a terminal that breaks a link in two makes it useless.
        for person in opened.raters():
            console.stdout.print(console.plain(f"{person.name}: {address}/#t={person.token}"), soft_wrap=True)
        owner = f"you, the owner: {address}/owner#t={opened.owner_token}"
        console.stdout.print(console.plain(owner), soft_wrap=True)

    # A Space's own name is in its environment.
    named = (public_host or [os.environ.get("SPACE_HOST", "")])[0]
    public = f"https://{named}" if named else ""
    if links:
        show(public or f"http://localhost:{port or 7870}")
        opened.close()
        return
    with page.serving(opened, host=host, port=port, public_hosts=public_host or (), join=join) as address:
        show(public or address)
        console.stderr.print("Stop with Ctrl-C; the same links work again afterwards.")
        try:
            page.until_stopped()
        except KeyboardInterrupt:
            console.stderr.print("\nStopped. Every vote is kept.")
    opened.close()
