"""Bare matrix products of a precision, each as large as `SIDE`: what the device can do. A step is one product."""

from common import arguments, serve

from aae_tf.backend import tf

asked = arguments()
if asked.device == "cpu":
    tf.config.set_visible_devices([], "GPU")
SIDE = {"cpu": 1024, "gpu": 8192}[asked.device]
dtype = asked.precision.removeprefix("mixed_")
left, right = (tf.cast(tf.random.stateless_normal((SIDE, SIDE), (0, seed)), dtype) for seed in (1, 2))


@tf.function(jit_compile=True)
def product(factor):
    return tf.reduce_sum(tf.matmul(left * factor, right))


def run_steps(count):
    for _ in range(count):
        last = product(tf.cast(1, dtype))
    last.numpy()


serve(run_steps)
