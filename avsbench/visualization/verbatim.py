"""Text from outside in figures: names of clips, runs and classes, which may hold any characters."""

from matplotlib.figure import Figure
from matplotlib.text import Text


def draw_verbatim(figure: Figure) -> None:
    """Take no text of a figure for a formula, as matplotlib does with what has two dollar signs."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
