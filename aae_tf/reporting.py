"""What is measured and drawn of a trained model: from a model and data to numbers and figures."""

import numpy as np

from aae_tf import figures
from aae_tf.evaluation import mmd, reconstruction_error, two_sample_accuracy
from aae_tf.priors import Gaussian


def validation_error(model, split):
    """Return {'val_reconstruction_error': mean squared error per pixel} of a `Split`; for every epoch."""
    outputs = model.reconstruct(split.images)
    return {"val_reconstruction_error": float(reconstruction_error(split.images, outputs).mean())}


def measure(model, split, seed=0):
    """Return everything that is measured of a model on held-out images.

    Args:
        model: a trained `LatentModel`.
        split: `aae_tf.data.Split`.
        seed: seed of prior samples, posterior samples and folds.

    Returns:
        dict of measure name to {'value', 'yardstick' where there is one, 'unit', 'n'}.
    """
    errors = reconstruction_error(split.images, model.reconstruct(split.images))
    base = np.full_like(split.images[:1], 0) + split.images.mean(0, keepdims=True) / 255.0
    mean_image = reconstruction_error(split.images, np.broadcast_to(base, split.images.shape))
    codes = model.encode(split.images, seed=seed)
    return {
        "reconstruction_error": {
            "value": float(errors.mean()),
            "standard_error": float(errors.std(ddof=1) / np.sqrt(len(errors))) if len(errors) > 1 else 0.0,
            "yardstick": float(mean_image.mean()),
            "yardstick_is": "the mean image for every image",
            "unit": "mean squared error per pixel, images in [0, 1]",
            "n": len(errors),
        },
        **prior_match(codes, model.prior, seed),
    }


def prior_match(codes, prior, seed=0, most=5_000):
    """Return MMD and two-sample accuracy of codes against the prior, each beside prior against prior.

    Args:
        codes: float [N, D]; the first `most` are used.
        prior: `aae_tf.priors.Prior`.
        seed: seed of the two prior samples and of the folds.
        most: largest sample.
    """
    codes = codes[:most]
    count = len(codes)
    if count < 10:
        return {}
    real, other = (prior.sample(count, [17, seed + offset]).numpy() for offset in (0, 1_000_003))
    yardstick = "prior against prior"
    return {
        "mmd": {
            "value": mmd(codes, real),
            "yardstick": mmd(other, real),
            "yardstick_is": yardstick,
            "unit": "squared, unbiased; 0 for equal distributions",
            "n": count,
        },
        "two_sample_accuracy": {
            "value": two_sample_accuracy(codes, real, seed),
            "yardstick": two_sample_accuracy(other, real, seed),
            "yardstick_is": yardstick,
            "unit": "accuracy; 0.5 for equal distributions",
            "n": count,
        },
    }


def draw(model, data, history, seed=0):
    """Return every figure of a trained model.

    Args:
        model: a trained `LatentModel`.
        data: `aae_tf.data.Dataset`; codes and reconstructions are of its test images.
        history: list of dicts, one an epoch.
        seed: seed of samples.

    Returns:
        dict of figure name to `matplotlib.figure.Figure`.
    """
    drawn = {
        "latent_plane": _latent_plane(model, data, seed),
        "manifold": _manifold(model),
        "samples": _samples(model, data, seed),
        "reconstructions": _reconstructions(model, data),
    }
    if history:
        drawn["losses"] = figures.losses(history)
    return drawn


def _latent_plane(model, data, seed):
    held_out = data.test.take(slice(0, 10_000))
    prior = model.prior
    return figures.latent_plane(
        model.encode(held_out.images, seed=seed),
        held_out.labels,
        data.class_names,
        prior.sample(20_000, seed).numpy(),
        None if prior.distribution is None else prior.log_prob,
        f"codes of {len(held_out):,} held-out images over the prior",
    )


def _manifold(model, side=20):
    prior = model.prior
    if prior.dim != 2 or isinstance(prior, Gaussian):
        # along the first two dimensions: equal steps of the prior's percentiles (Gaussian), others at 0
        std = prior.std if isinstance(prior, Gaussian) else float(np.std(prior.sample(10_000, 0).numpy()[:, 0]))
        codes = figures.percentile_codes(side, prior.dim, std)
        title = f"decoded at equal steps of the prior's percentiles (std {std:g})"
        return figures.manifold(model.decode(codes), side, title)
    drawn = prior.sample(10_000, 0).numpy()
    reach = float(np.quantile(np.abs(drawn), 0.995))
    codes = figures.plane_codes(side, reach)
    cell = 2 * reach / (side - 1)
    keep = np.array([(np.abs(drawn - code).max(1) < 0.5 * cell).sum() >= 2 for code in codes])
    title = "decoded at equal steps over the plane, where the prior has mass"
    return figures.manifold(model.decode(codes), side, title, keep)


def _samples(model, data, seed, rows=8, columns=10):
    from aae_tf.data import Split

    samples = model.sample(rows * columns, seed)
    train = data.train if isinstance(data.train, Split) else data.validation
    last = samples[columns - 1 :: columns]
    neighbours = train.images[figures.nearest(last, train.images)] / 255.0
    return figures.samples_with_neighbours(samples, neighbours, columns)


def _reconstructions(model, data, columns=12, rows=3):
    images = data.test.images[:: max(1, len(data.test) // (rows * columns))][: rows * columns]
    return figures.reconstructions(images, model.reconstruct(images), min(columns, len(images)))
