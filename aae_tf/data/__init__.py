"""Data: named datasets, arrays, tables, folders, packed data, tf.data; images or rows, in three splits."""

from aae_tf.data.dataset import Dataset, Split, Stream
from aae_tf.data.element import Element, ImageElement, TableElement
from aae_tf.data.images.checks import check_images, check_labels
from aae_tf.data.images.tfds import prepare
from aae_tf.data.large.packed import Packed, pack
from aae_tf.data.loading import DATASETS, load
from aae_tf.data.tables.columns import Column, Columns

__all__ = ["DATASETS", "Dataset", "Packed", "Split", "Stream", "load", "pack", "prepare"]
__all__ += ["Column", "Columns", "Element", "ImageElement", "TableElement", "check_images", "check_labels"]
