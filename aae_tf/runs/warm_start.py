"""Starting from weights of another run: the same networks, other data, another number of classes, another prior."""

import hashlib
from pathlib import Path

import numpy as np

from aae_tf.errors import InputError
from aae_tf.runs.run import load_model
from aae_tf.training import checkpoints

OF_THE_DATA = ("prior", "image_scale")  # what a run takes from its own recipe and images


def start_warm(model, path, out_dir, console):
    """Give a built model the weights of a finished run, say so, and return a digest of them.

    Args:
        model: a built `LatentModel`; its weights are set.
        path: run directory; '' for none.
        out_dir: the run directory to be trained into, or None; where there is a checkpoint, nothing is taken.
        console: a `rich.console.Console`.

    Returns:
        str, or None if nothing was taken.

    Raises:
        InputError: no finished run there, or none of its weights fits.
    """
    if not path or (out_dir is not None and checkpoints.epochs_begun(Path(out_dir) / "checkpoints") > 0):
        return None
    taken, left, digest = take_weights(model, path)
    rest = f"; as they were made: {', '.join(left)}" if left else ""
    console.print(f"{taken} weights from {path}{rest}", highlight=False, soft_wrap=True)
    return digest


def take_weights(model, path):
    """Give a built model the weights of a finished run, network by network: those of the same place and shape.

    A network that the run does not have, or has with another number of layers, keeps its weights, and so does a layer
    of another shape (the head of y for another number of classes).

    Args:
        model: a built `LatentModel`; its weights are set.
        path: run directory.

    Returns:
        (int, list of str, str): how many weights were taken, the paths of those that were not, and a digest of all
        that the run has.

    Raises:
        InputError: no finished run there, or none of its weights fits.
    """
    source = load_model(Path(path))
    taken, left = 0, []
    for name in sorted(set(model.parts) - set(OF_THE_DATA)):
        ours = getattr(model, name).weights
        theirs = getattr(getattr(source, name, None), "weights", [])
        fitting = [len(ours) == len(theirs) and mine.shape == theirs[at].shape for at, mine in enumerate(ours)]
        for at, fits in enumerate(fitting):
            if fits:
                ours[at].assign(theirs[at])
        taken += sum(fitting)
        left += [mine.path for mine, fits in zip(ours, fitting, strict=True) if not fits]
    if not taken:
        raise InputError(
            f"warm_start: no weight of the {type(source).__name__} in '{path}' fits this {type(model).__name__}; "
            "accepted: a run with networks of the same layers and widths"
        )
    digest = hashlib.blake2b(digest_size=16)
    for weight in source.weights:
        digest.update(np.ascontiguousarray(weight))
    return taken, left, digest.hexdigest()
