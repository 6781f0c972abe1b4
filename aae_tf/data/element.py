"""The elements of a dataset, images or rows of a table, and everything in which they differ.

Other packages read these attributes and do not test which kind of element they have. A new kind of element is a class
here, its scale layer in `networks` and its figures in `figures`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.data.images.checks import as_array, check_pixels
from aae_tf.data.tables.columns import Columns
from aae_tf.errors import InputError


class Element:
    """What images and rows have in common; the attributes are what other packages read."""

    shape: tuple[int, ...] | None  # of one element; None where it is not known yet
    columns: Columns | None  # of rows, None for images
    entries: tuple[str, ...]  # names of the numbers of an element; empty for images
    channels: int  # 0 for rows
    identifiable: bool  # whether two equal elements are the same one
    in_files: bool  # whether image files can hold an element
    singular: ClassVar[str]  # names in messages and titles: 'image', 'images', 'an'
    plural: ClassVar[str]
    article: ClassVar[str]
    input_name: ClassVar[str]  # names in signatures
    output_name: ClassVar[str]
    scale: ClassVar[str]  # key of the scale layer in `aae_tf.networks.build.SCALE_LAYERS`
    scale_code: ClassVar[str]  # code that makes this layer, for messages
    scaled_errors: ClassVar[bool]  # whether errors and distances are measured in the scale of the networks
    error_unit: ClassVar[str]  # unit of a reconstruction error
    defaults: ClassVar[str]  # key of the default rules in `aae_tf.recipes.data_defaults`
    smallest_batch: ClassVar[int | None]  # batch size from which these rules choose; None for that of the recipe
    figures: ClassVar[str]  # key of the figures in `aae_tf.reporting.plots`
    learned_features: ClassVar[bool]  # whether a classifier learns features to judge samples by
    views: ClassVar[bool]  # whether augmentations apply

    def check(self, inputs: ArrayLike, what: str = "") -> np.ndarray:
        """Return inputs, [N, ...] or a DataFrame, as models take them, by the rules of training; `what` names them."""
        raise NotImplementedError

    @property
    def about(self) -> dict[str, str]:
        """What the model card says of inputs: 'inputs', a sentence, and 'shape', a noun phrase."""
        raise NotImplementedError


@dataclass(frozen=True)
class ImageElement(Element):
    """Images of shape (H, W, C), uint8 in 0..255 or float in [0, 1]."""

    shape: tuple[int, ...] | None = None

    columns, entries, identifiable = None, (), True
    singular, plural, article = "image", "images", "an"
    input_name, output_name = "images", "images"
    scale, scale_code = "image", "an ImageScale"
    scaled_errors, error_unit = False, "mean squared error per pixel, images in [0, 1]"
    defaults, smallest_batch = "pixels", None
    figures, learned_features, views = "pictures", True, True

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[-1]

    @property
    def in_files(self) -> bool:
        """Whether image files can hold an element."""
        return len(self.shape) == 3 and self.channels in (1, 3)

    def check(self, inputs: ArrayLike, what: str = "") -> np.ndarray:
        """Return images as uint8 or float32 [N, H, W, C], see `Element.check`."""
        images = as_array(inputs, what or self.plural)
        if self.shape is not None:
            check_shape(images.shape, self.shape, what)
            images = images.reshape(-1, *self.shape)
        return check_pixels(images, what or self.plural)

    @property
    def about(self) -> dict[str, str]:
        """See `Element.about`."""
        sizes = " x ".join(map(str, self.shape))
        return {"inputs": f"Images: {sizes}, float32 in [0, 1].", "shape": f"{sizes} arrays in [0, 1]"}


@dataclass(frozen=True)
class TableElement(Element):
    """Rows of a table with these columns, float32 [D] in their own units."""

    columns: Columns

    singular, plural, article = "row", "rows", "a"
    input_name, output_name = "inputs", "outputs"
    scale, scale_code = "columns", "networks.ColumnScale(data.load(rows).columns)"
    scaled_errors = True
    error_unit = "mean squared error per column, columns scaled as the networks see them"
    defaults, smallest_batch = "columns", 16
    figures, learned_features, views = "columns", False, False
    channels, in_files = 0, False

    @property
    def shape(self) -> tuple[int, ...]:
        """(D,)."""
        return (len(self.columns),)

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of a row's numbers."""
        return self.columns.entries

    @property
    def identifiable(self) -> bool:
        """Whether two equal rows are the same one: rows without real columns are alike by chance."""
        return len(self.columns.of_kind("real")) > 0

    def check(self, inputs: ArrayLike, what: str = "") -> np.ndarray:
        """Return rows as float32 [N, D], see `Columns.encode`."""
        try:
            return self.columns.encode(inputs)
        except InputError as error:
            raise InputError(f"{what}: {error}" if what else str(error)) from None

    @property
    def about(self) -> dict[str, str]:
        """See `Element.about`."""
        size = len(self.columns)
        inputs = f"Rows: {size} numbers, float32, in the units of the columns below."
        return {"inputs": inputs, "shape": f"the {size} numbers of the columns above"}


def element_of(shape: tuple[int, ...], columns: Columns | None = None) -> Element:
    """Return the element of a shape (H, W, C), or of the columns of a table."""
    return ImageElement(tuple(shape)) if columns is None else TableElement(columns)


def check_shape(shape: tuple[int, ...], row_shape: tuple[int, ...], what: str = "") -> None:
    """Refuse an array without rows, or with rows of another shape; a last axis of 1 may be missing."""
    accepted = (row_shape, row_shape[:-1]) if len(row_shape) > 1 and row_shape[-1] == 1 else (row_shape,)
    if not shape or shape[0] == 0 or shape[1:] not in accepted:
        named = ", ".join(map(str, row_shape))
        start = f"{what}: " if what else ""
        raise InputError(f"{start}an array of shape {shape} was given; accepted: [N, {named}] with N > 0")
