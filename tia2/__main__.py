"""`python -m tia2` is `tia2`."""

from __future__ import annotations

import sys

from tia2.cli import main

if __name__ == "__main__":
    sys.exit(main())
