"""Maps: how well a low-dimensional representation keeps neighbourhoods and classes, and maps by other methods."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier


def map_quality(
    images: np.ndarray, latent_points: np.ndarray, labels: np.ndarray | None = None, neighbours: int = 10
) -> dict[str, float]:
    """Return the quality of a map, float [N, n], of flat images [N, P]: numbers in [0, 1].

    'trustworthiness' is high if neighbours on the map are neighbours in the data (Venna and Kaski, 2001);
    'nearest_accuracy', with at least ten labels, is that of a five-fold nearest-neighbour classifier on the map.
    """
    nearest = min(neighbours, len(images) // 2 - 1)
    quality = {"trustworthiness": float(trustworthiness(images, latent_points, n_neighbors=nearest))}
    if labels is not None and len(labels) >= 10:
        classifier = KNeighborsClassifier(min(neighbours, len(labels) // 2))
        folds = KFold(5, shuffle=True, random_state=0)
        quality["nearest_accuracy"] = float(cross_val_score(classifier, latent_points, labels, cv=folds).mean())
    return quality


def other_maps(images: np.ndarray, dim: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return maps of flat images [N, P] by PCA, t-SNE (up to 3 dimensions) and UMAP (if installed), float [N, dim]."""
    found = {"PCA": PCA(dim, random_state=seed).fit_transform(images)}
    if dim <= 3:
        perplexity = min(30, (len(images) - 1) / 3)
        found["t-SNE"] = TSNE(dim, init="pca", perplexity=perplexity, random_state=seed).fit_transform(images)
    try:
        from umap import UMAP
    except ImportError:
        return found
    return {**found, "UMAP": np.asarray(UMAP(n_components=dim, random_state=seed).fit_transform(images))}
