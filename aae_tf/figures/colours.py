"""The colours of all figures; classes and lines have Petroff's ten."""

COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
INK = "#222222"
PRIOR, UNLABELLED, EQUILIBRIUM = "#c8c8c8", "#d0d0d0", "#888888"
CONTOURS = ("#bbbbbb", "#888888", "#444444")
FRAME = COLOURS[1]  # of images that are not generated
ROWS, SAMPLES = COLOURS[8], COLOURS[6]
ERRORS, VALUES, SIGNED, MISTAKES = "inferno", "viridis", "RdBu_r", "Oranges"  # colour maps


def colour(number: int) -> str:
    """Return the colour of a class or line, numbered from 0; colours repeat after ten."""
    return COLOURS[number % len(COLOURS)]
