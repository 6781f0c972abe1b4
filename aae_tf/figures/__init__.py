"""Figures: pure functions from arrays to `matplotlib.figure.Figure`, without pyplot or a display.

Colours are Petroff's ten, chosen for colour-blind readers (arXiv 2107.02270); classes are also named in the plane.
"""

from aae_tf.figures.charts import confusion_matrix, curves, losses
from aae_tf.figures.colours import COLOURS, colour
from aae_tf.figures.columns import column_maps, pair_plot, profiles, reconstruction_scatter
from aae_tf.figures.grids import (
    centroids_and_members,
    error_maps,
    grid,
    manifold,
    reconstructions,
    samples_with_neighbours,
    tile,
)
from aae_tf.figures.planes import latent_plane, map_with_centroids, side_by_side

__all__ = [
    "COLOURS",
    "centroids_and_members",
    "colour",
    "column_maps",
    "confusion_matrix",
    "curves",
    "error_maps",
    "grid",
    "latent_plane",
    "losses",
    "manifold",
    "map_with_centroids",
    "pair_plot",
    "profiles",
    "reconstruction_scatter",
    "reconstructions",
    "samples_with_neighbours",
    "side_by_side",
    "tile",
]
