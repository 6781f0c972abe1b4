"""A custom prior: a ring, with its radius and width as options.

An adversarial objective needs samples of its prior and no density (Makhzani et al., 2016, arXiv 1511.05644, §2). A
registered prior has a name in recipes. The arguments of its constructor are read from the command line, checked,
written to recipe.json, and saved with the model.

    aae-tf --plugin examples/ring_prior.py train ring --set prior.radius=3
    aae-tf --plugin examples/ring_prior.py train likelihood --set latent_dim=2 --set prior=ring --set prior.noise=0.1
"""

import dataclasses
import math
from typing import Annotated

import aae_tf
from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range
from aae_tf.priors import PRIORS, Prior, split_seed


@PRIORS.register("ring")
@keras.saving.register_keras_serializable("examples")
class Ring(Prior):
    """Points around a circle in the plane, with Gaussian noise.

    Args:
        radius: radius of the circle.
        noise: standard deviation of the noise in each dimension.
    """

    dim = 2

    def __init__(self, radius: Annotated[float, Range(0.0)] = 4.0, noise: Annotated[float, Range(0.0)] = 0.4):
        self.radius, self.noise = radius, noise

    def sample(self, n, seed, labels=None):
        """Draw codes, float32 [n, 2], a function of the seed alone."""
        first, second = tf.unstack(split_seed(seed, 2))
        angle = tf.random.stateless_uniform([n], first, 0.0, 2 * math.pi)
        circle = self.radius * tf.stack([tf.cos(angle), tf.sin(angle)], -1)
        return circle + self.noise * tf.random.stateless_normal([n, 2], second)


base = aae_tf.recipes()["gaussian"]
ring = {"name": "ring", "summary": "a ring as prior", "prior": {"name": "ring", "radius": 4.0}}
aae_tf.register_recipe(dataclasses.replace(base, **ring))

if __name__ == "__main__":
    run = aae_tf.train("ring")
    print(run.model.prior.radius, run.last_report()["metrics"]["mmd"])
