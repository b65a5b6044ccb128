"""Let `datasets.load_dataset("tia2")` find our builder."""


def install() -> None:
    """Placeholder until the hook lands."""
