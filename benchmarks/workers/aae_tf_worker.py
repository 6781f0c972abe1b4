"""aae_tf's step, as `Trainer` runs it."""

import numpy as np
from common import LATENT, PRIOR_STD, WIDTH, arguments, digits, serve

import aae_tf
from aae_tf import data, models, priors
from aae_tf.backend import tf
from aae_tf.training import Trainer, TrainingSettings, make_optimizer
from aae_tf.training.data_source import Chunk

asked = arguments()
if asked.device == "cpu":
    tf.config.set_visible_devices([], "GPU")
recipe = aae_tf.recipes()["gaussian"].with_options(
    latent_dim=LATENT,
    widths=(WIDTH, WIDTH),
    discriminator_widths=(WIDTH, WIDTH),
    precision=asked.precision,
    input_noise=0.0,
)
model = models.AdversarialAutoencoder.from_recipe(
    recipe, (28, 28, 1), priors.Gaussian(LATENT, PRIOR_STD), asked.precision
)
model.build((None, 28, 28, 1))
adam = aae_tf.OptimizerSettings("adam", 1e-3, 0.9)
optimizers = {update.optimizer_key: make_optimizer(adam, asked.precision) for update in model.updates()}
settings = TrainingSettings(batch_size=asked.batch, order=asked.order)
trainer = Trainer(model, data.Split(digits()), settings, optimizers=optimizers)


def run_steps(count):
    source = trainer.source
    rows = next(source.chunks(0, lambda: 1)).rows
    trainer.steps(Chunk(source.images, source.labels, source.pool, rows, 0, 0, count), 0, np.zeros(3, "float32"))


def device_bytes():
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] if asked.device == "gpu" else 0


serve(run_steps, device_bytes)
