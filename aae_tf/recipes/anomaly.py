"""The recipe for anomaly detection, trained on data of one kind. Nothing here imports TensorFlow."""

from aae_tf.config.training import OptimizerSettings
from aae_tf.recipes.paper import NORMAL
from aae_tf.recipes.recipe import Recipe

# A narrow code, which can only represent the kind that it was trained on, and noise on the input, so that the
# reconstruction is of that kind and not a copy. Chosen on validation images of the embedded digits (docs/anomaly.md).
ANOMALY = (
    Recipe(
        "one_class",
        "one kind of image, to detect others: the detector's usual model",
        prior=NORMAL,
        latent_dim=8,
        epochs=10,
        batch_size=50,
        options={"input_noise": 0.3, "widths": (500, 500), "discriminator_widths": (200, 200)},
        optimizers={
            "reconstruction": OptimizerSettings("adam", 1e-3, 0.9, "cosine"),
            "regularization": OptimizerSettings("adam", 5e-4, 0.5, "cosine"),
        },
    ),
)
