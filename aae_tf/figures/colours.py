"""Colours for classes and lines: Petroff's ten, chosen for colour-blind readers (arXiv 2107.02270)."""

COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
INK = "#222222"


def colour(number):
    """Return the colour of class or line `number`.

    Args:
        number: int, at least 0.
    """
    return COLOURS[number % len(COLOURS)]
