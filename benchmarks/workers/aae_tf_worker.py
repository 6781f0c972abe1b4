"""aae_tf's step, as `Trainer` runs it; the argument is the order."""

import sys

import numpy as np
from common import BATCH, LATENT, PRIOR_STD, WIDTH, digits, serve

import aae_tf
from aae_tf import data, models, priors
from aae_tf.training import Trainer, make_optimizer
from aae_tf.training.sources import Stretch

recipe = aae_tf.recipes()["gaussian"].with_options(
    latent_dim=LATENT, widths=(WIDTH, WIDTH), discriminator_widths=(WIDTH, WIDTH), precision="float32", input_noise=0.0
)
model = models.AdversarialAutoencoder.from_recipe(recipe, (28, 28, 1), priors.Gaussian(LATENT, PRIOR_STD))
model.build((None, 28, 28, 1))
adam = aae_tf.OptimizerSettings("adam", 1e-3, 0.9)
optimizers = {update.state: make_optimizer(adam) for update in model.updates()}
trainer = Trainer(model, data.Split(digits()), optimizers, BATCH, order=sys.argv[1])


def run_steps(count):
    source = trainer.source
    rows = next(source.stretches(0, lambda: 1)).rows
    trainer.run_stretch(Stretch(source.images, source.labels, source.pool, rows, 0, 0, count), np.zeros(3, "float32"))


serve(run_steps)
