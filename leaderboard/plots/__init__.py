"""The board's figures: pure functions from a board to a Plotly figure, each with a sibling that says it in words.

Figures have a transparent background and mid-grey text, so that they read on a light and on a dark page. Every
submitted text is escaped, since Plotly renders a part of HTML in labels. The sentences are plain text, not escaped.
"""

from __future__ import annotations

from .arrows import arrows as arrows
from .arrows import arrows_words as arrows_words
from .best_of_n import best_of_n as best_of_n
from .best_of_n import best_of_n_words as best_of_n_words
from .categories import categories as categories
from .categories import categories_words as categories_words
from .cost import cost as cost
from .cost import cost_words as cost_words
from .critical import critical_difference as critical_difference
from .critical import critical_difference_words as critical_difference_words
from .forest import forest as forest
from .forest import forest_words as forest_words
from .pairs import differences as differences
from .pairs import differences_words as differences_words
from .pairs import pair_scatter as pair_scatter
from .pairs import pair_scatter_words as pair_scatter_words
from .runs import run_curve as run_curve
from .runs import run_curve_words as run_curve_words
from .style import empty as empty
from .temperature import temperature_curve as temperature_curve
from .temperature import temperature_curve_words as temperature_curve_words
