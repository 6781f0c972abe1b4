"""Maps: how well a low-dimensional representation keeps neighbourhoods and classes, beside other methods' maps."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier


def map_quality(images, latent_points, labels=None, neighbours=10):
    """Return the quality of a map.

    Args:
        images: float [N, P], flat.
        latent_points: float [N, n], each image's place on the map.
        labels: int [N], or None.
        neighbours: size of the neighbourhoods.

    Returns:
        dict with 'trustworthiness' in [0, 1] (Venna and Kaski, 2001: are neighbours on the map neighbours in the
        data?) and, with at least ten labels, 'nearest_accuracy' (five-fold, nearest neighbours on the map).
    """
    quality = {
        "trustworthiness": float(
            trustworthiness(images, latent_points, n_neighbors=min(neighbours, len(images) // 2 - 1))
        )
    }
    if labels is not None and len(labels) >= 10:
        voters = KNeighborsClassifier(min(neighbours, len(labels) // 2))
        quality["nearest_accuracy"] = float(
            cross_val_score(voters, latent_points, labels, cv=KFold(5, shuffle=True, random_state=0)).mean()
        )
    return quality


def other_maps(images, dim, seed=0):
    """Return the maps of PCA, t-SNE (into at most 3 dimensions) and, where umap-learn is installed, UMAP.

    Args:
        images: float [N, P], flat.
        dim: dimension of the maps.
        seed: seed of the random ones.

    Returns:
        dict of method to float array [N, dim].
    """
    found = {"PCA": PCA(dim, random_state=seed).fit_transform(images)}
    if dim <= 3:
        perplexity = min(30, (len(images) - 1) / 3)
        found["t-SNE"] = TSNE(dim, init="pca", perplexity=perplexity, random_state=seed).fit_transform(images)
    try:
        from umap import UMAP
    except ImportError:
        return found
    return {**found, "UMAP": np.asarray(UMAP(n_components=dim, random_state=seed).fit_transform(images))}
