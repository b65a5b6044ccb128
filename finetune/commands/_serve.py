"""`tia2 finetune serve-reward`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

EXAMPLES = """\
Examples:

  tia2 finetune serve-reward mini-strong --calibration textnorm

  TIA2_TOKEN=secret tia2 finetune serve-reward pickscore --host 0.0.0.0 --port 8100
"""
TOKEN_VARIABLE = "TIA2_TOKEN"
PORT = 8100


def serve_reward(
    rewards: Annotated[list[str], typer.Argument(metavar="REWARD...", help="Reward models; several make an ensemble.")],
    calibration: Annotated[
        str, typer.Option(metavar="NAME", help="Calibration of the entry, such as textnorm.")
    ] = "raw",
    host: Annotated[str, typer.Option(help="Address to listen at; the loopback by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; any free one for 0.")] = PORT,
    device: Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Serve an entry's values over HTTP, for frameworks that train elsewhere, until Ctrl-C.

    A token in the environment variable TIA2_TOKEN must then come with every request.
    """
    from tia2 import console

    with console.warnings_as_lines(), console.stderr.status("Loading …"):
        from tia2.devices import pick_device

        from ..server.serve import RewardService, make_server
        from ..settings.rewards import EntrySettings

        entry = EntrySettings(rewards=tuple(rewards), calibration=calibration)
        service = RewardService(entry, str(pick_device(device)))
        server = make_server(service, host, port, os.environ.get(TOKEN_VARIABLE))
    where = f"http://{server.server_address[0]!s}:{server.server_address[1]}/score"
    console.stdout.print(console.plain(f"{' & '.join(rewards)} ({calibration}): {where}"), soft_wrap=True)
    console.stderr.print("Ctrl-C stops it.")
    try:
        server.serve_forever()
    finally:
        server.server_close()
