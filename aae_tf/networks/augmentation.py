"""Views: random augmentations of images that keep their content (Simard et al., 2003; Cireşan et al., 2010).

A view is an affine map of the plane and a smooth displacement, read by bilinear interpolation (four gathers of the
flattened image, which XLA compiles; it does not compile TensorFlow's image transformations), then brightness, contrast
and noise. It is drawn inside the compiled step. Which augmentations keep the content depends on the data: digits must
not be mirrored, photographs must not be turned upside down.
"""

import math
from typing import Annotated, Any, Self

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.config.schema import Range, options_of
from aae_tf.errors import InputError
from aae_tf.utils.random import fold, split_seed

Amount = Annotated[float, Range(0.0)]
SMOOTH = 4.0  # smoothness of an elastic displacement in pixels, sigma of Simard et al.


@keras.saving.register_keras_serializable("aae_tf")
class Views:
    """Random views of images; each amount is drawn uniformly from [-amount, amount]. Outside the image is black.

    Args:
        rotation: degrees.
        scale: relative change of the size of each axis.
        shear: horizontal displacement of rows, relative to the height.
        shift: pixels along each axis.
        flip: share of images that are mirrored, left to right.
        elastic: standard deviation, in pixels, of a displacement that is smooth over the image (Simard et al., 2003,
            doi 10.1109/ICDAR.2003.1227801: about 1.4 for digits).
        crop: maximum share of each side that is cut off; the rest is stretched to the whole image.
        brightness: added to every value.
        contrast: relative change of the distance of values from their mean.
        noise: standard deviation of Gaussian noise on every value.

    Call arguments:
        images: float32 [N, H, W, C] in [0, 1]; seed: int32 [2]. Returns views, of the same shape and range.

    Example:
        >>> Views(rotation=12, shift=2)(images, seed)
    """

    def __init__(
        self,
        rotation: Amount = 0.0,
        scale: Annotated[float, Range(0.0, 0.9)] = 0.0,
        shear: Amount = 0.0,
        shift: Amount = 0.0,
        flip: Annotated[float, Range(0.0, 1.0)] = 0.0,
        crop: Annotated[float, Range(0.0, 0.9)] = 0.0,
        brightness: Amount = 0.0,
        contrast: Annotated[float, Range(0.0, 1.0)] = 0.0,
        noise: Amount = 0.0,
        elastic: Amount = 0.0,
    ):
        given = locals()
        for name, option in options_of(type(self)).items():
            setattr(self, name, option.read(given[name]))

    def __call__(self, images: "tf.Tensor", seed: Any) -> "tf.Tensor":
        """Return one view of each image; see the class."""
        if images.shape.rank != 4:
            raise InputError(f"views are of images [N, H, W, C], not of elements of shape {tuple(images.shape[1:])}")
        plane, light, blur = tf.unstack(split_seed(seed, 3))
        if any((self.rotation, self.scale, self.shear, self.shift, self.flip, self.crop, self.elastic)):
            count, sides = tf.shape(images)[0], images.shape[1:3]
            matrix, offset = self._maps(count, sides, plane)
            moved = offset[:, None]
            if self.elastic:
                moved += self.elastic * _displacement(count, sides, fold(plane, 1))
            images = _resampled(images, matrix, moved)
        return self._lit(images, light, blur)

    def _lit(self, images, light, blur):
        """Return images with changed brightness, contrast and noise, clipped to [0, 1]."""
        count = tf.shape(images)[0]
        add, stretch = (
            amount * tf.random.stateless_uniform([count, 1, 1, 1], seed, -1.0, 1.0)
            for amount, seed in zip((self.brightness, self.contrast), tf.unstack(split_seed(light, 2)), strict=True)
        )
        if self.contrast:
            mean = tf.reduce_mean(images, [1, 2], keepdims=True)
            images = mean + (images - mean) * (1.0 + stretch)
        if self.brightness:
            images += add
        if self.noise:
            images += self.noise * tf.random.stateless_normal(tf.shape(images), blur)
        return tf.clip_by_value(images, 0.0, 1.0) if self.contrast or self.brightness or self.noise else images

    def _maps(self, count, sides, seed):
        """Return the matrix [N, 2, 2] and offset [N, 2] (y, x) from the pixels of each view to those of its image."""
        drawn = tf.random.stateless_uniform([10, count], seed, -1.0, 1.0)
        angle, tall, wide, slide, down, right, flip, left, top, cut = tf.unstack(drawn)
        angle = angle * self.rotation * math.pi / 180
        cut = 1.0 - self.crop * 0.5 * (cut + 1.0)
        tall, wide = cut / (1.0 + self.scale * tall), cut / (1.0 + self.scale * wide)
        wide *= tf.where(flip < 2 * self.flip - 1, -1.0, 1.0)
        cos, sin, slide = tf.cos(angle), tf.sin(angle), self.shear * slide
        rows = [[cos * tall, -sin * wide], [sin * tall + slide * cos * tall, cos * wide - slide * sin * wide]]
        matrix = tf.stack([tf.stack(row, -1) for row in rows], -2)
        room = [(1.0 - cut) * 0.5 * (side - 1) for side in sides]  # pixels that are cut off at each end
        offset = tf.stack([self.shift * down + room[0] * top, self.shift * right + room[1] * left], -1)
        return matrix, offset

    def get_config(self) -> dict[str, float]:
        """Return the constructor's arguments."""
        return {name: getattr(self, name) for name in options_of(type(self))}

    @classmethod
    def from_config(cls, config: dict[str, float]) -> Self:
        """Return the views that `get_config` describes."""
        return cls(**config)


def _displacement(count, sides, seed):
    """Return a random displacement of each pixel, float32 [N, H·W, 2], smooth over the plane and of variance 1."""
    down, across = (_smoothing(side) for side in sides)
    knots = tf.random.stateless_normal([count, 2, down.shape[1], across.shape[1]], seed)
    return tf.reshape(tf.einsum("hi,ncij,wj->nhwc", down, knots, across), [count, sides[0] * sides[1], 2])


def _smoothing(side):
    """Return the weight of each knot at each pixel, float32 [side, knots], a Gaussian's, rows of norm 1."""
    knots = np.arange(-2 * SMOOTH, side + 2 * SMOOTH, SMOOTH)
    weights = np.exp(-0.5 * np.square((np.arange(side)[:, None] - knots) / SMOOTH))
    return tf.constant(weights / np.linalg.norm(weights, axis=1, keepdims=True), tf.float32)


def _resampled(images, matrix, moved):
    """Return images read bilinearly at matrix [N, 2, 2] · pixel (about the centre) + moved [N, 1 or H·W, 2]."""
    _, height, width, channels = images.shape
    grid = tf.cast(tf.stack(tf.meshgrid(tf.range(height), tf.range(width), indexing="ij"), -1), tf.float32)
    centre = tf.constant([(height - 1) / 2, (width - 1) / 2])
    steps = tf.reshape(grid - centre, [-1, 2])
    places = tf.linalg.matmul(steps, matrix, transpose_b=True) + centre + moved
    corner = tf.floor(places)
    share = places - corner
    corner = tf.cast(corner, tf.int32)
    flat = tf.reshape(images, [-1, height * width, channels])
    total = 0.0
    for down in (0, 1):
        for right in (0, 1):
            row, column = corner[..., 0] + down, corner[..., 1] + right
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index = tf.clip_by_value(row, 0, height - 1) * width + tf.clip_by_value(column, 0, width - 1)
            weight = (share[..., 0] if down else 1 - share[..., 0]) * (share[..., 1] if right else 1 - share[..., 1])
            value = tf.gather(flat, index, axis=1, batch_dims=1)
            total += value * tf.where(inside, weight, 0.0)[..., None]
    return tf.reshape(total, tf.shape(images))
