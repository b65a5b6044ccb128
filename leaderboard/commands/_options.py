"""What the leaderboard's commands share: where the store lies by default, and who types."""

from __future__ import annotations

DEFAULT_STORE = "runs/leaderboard"


def account_name() -> str:
    """Return the name of the account that runs this process; empty where it has none, as in some containers."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
