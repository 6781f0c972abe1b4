"""Figures: pure functions from arrays to `matplotlib.figure.Figure`, drawn to go into a paper.

Colours are Petroff's ten, chosen for colour-blind readers (arXiv 2107.02270); classes are also named in the plane.
No function here touches pyplot or a display.
"""

from aae_tf.figures.charts import confusion_matrix, curves, losses
from aae_tf.figures.colours import COLOURS, colour
from aae_tf.figures.columns import against_truth, over_the_plane, pair_plot, profiles
from aae_tf.figures.grids import (
    error_maps,
    grid,
    heads_and_members,
    manifold,
    reconstructions,
    samples_with_neighbours,
    tile,
)
from aae_tf.figures.planes import latent_plane, map_with_heads, side_by_side

__all__ = [
    "COLOURS",
    "against_truth",
    "colour",
    "confusion_matrix",
    "curves",
    "error_maps",
    "grid",
    "heads_and_members",
    "latent_plane",
    "losses",
    "manifold",
    "map_with_heads",
    "over_the_plane",
    "pair_plot",
    "profiles",
    "reconstructions",
    "samples_with_neighbours",
    "side_by_side",
    "tile",
]
