"""The board as files: CSV, JSON, LaTeX, BibTeX, pictures, and one HTML page that works offline.

Submitted text is text in all of them: no spreadsheet takes it for a formula, no TeX for a command, no browser for
markup.
"""

from __future__ import annotations

from .bibtex import to_bibtex as to_bibtex
from .latex import to_latex as to_latex
from .page import static_html as static_html
from .picture import to_picture as to_picture
from .tables import to_csv as to_csv
from .tables import to_json as to_json
