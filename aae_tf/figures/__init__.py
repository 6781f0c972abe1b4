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

__all__ = ["COLOURS", "colour", "confusion_matrix", "curves", "losses"]
__all__ += ["column_maps", "pair_plot", "profiles", "reconstruction_scatter"]
__all__ += ["centroids_and_members", "error_maps", "grid", "manifold", "reconstructions", "samples_with_neighbours"]
__all__ += ["latent_plane", "map_with_centroids", "side_by_side", "tile"]
