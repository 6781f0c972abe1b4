"""Pieces of the explorer's page: images as PNG in the page itself, numbers as text. This module does not use Bokeh."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np

from aae_tf.figures.colours import colour
from aae_tf.utils.images import as_picture, save_animation

SIDE = 56  # height of a small picture on the page, in pixels
MOST = 40  # largest number of entries of a row that are shown


def picture(element: np.ndarray, caption: str = "", names: Sequence[str] | None = None, description: str = "") -> str:
    """Return an image [H, W, C], or a row [D] with `names`, as HTML. Screen readers use `description`."""
    if np.ndim(element) == 1:
        return table(element, names, caption)
    file = io.BytesIO()
    as_picture(_drawable(element)).save(file, "PNG")
    width, source = max(1, SIDE * element.shape[1] // element.shape[0]), _source(file, "png")
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    image = f'<img src="{source}" width="{width}" height="{SIDE}" alt="{escape(description or caption)}">'
    return f"<figure>{image}{below}</figure>"


def strip(
    elements: Sequence[np.ndarray],
    captions: Sequence[str] = (),
    names: Sequence[str] | None = None,
    what: str = "image",
) -> str:
    """Return images or rows side by side as HTML; those without a caption are described as 'WHAT 1 of N'."""
    count = len(elements)
    shown = (
        picture(element, caption, names, caption or f"{what} {number} of {count}")
        for number, element, caption in zip(range(1, count + 1), elements, captions or [""] * count, strict=True)
    )
    return f'<div class="strip">{"".join(shown)}</div>'


def table(row: np.ndarray, names: Sequence[str], caption: str = "") -> str:
    """Return a row of numbers as an HTML table with their names."""
    lines = (f"<tr><th>{escape(str(n))}</th><td>{v:.4g}</td></tr>" for n, v in zip(names[:MOST], row, strict=False))
    more = f"<tr><td>and {len(row) - MOST} more</td></tr>" if len(row) > MOST else ""
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}{more}</table>"


def animation(images: np.ndarray) -> str:
    """Return an animation of images as HTML, with a link that saves it."""
    file = io.BytesIO()
    save_animation(file, np.stack([_drawable(image) for image in images]))
    source = _source(file, "gif")
    return (
        f'<figure><img src="{source}" height="{2 * SIDE}" alt="the interpolation, as an animation">'
        f'<figcaption><a href="{source}" download="interpolation.gif">save the GIF</a></figcaption></figure>'
    )


def legend(names: Sequence[str]) -> str:
    """Return the colours of classes as HTML."""
    spots = (f'<span style="--spot:{colour(n)}">{escape(str(name))}</span>' for n, name in enumerate(names))
    return f'<div class="legend">{"".join(spots)}</div>'


def scale(low: float, high: float, colours: Sequence[str], title: str) -> str:
    """Return a scale of colours between two numbers as HTML."""
    bar = f'<i style="background:linear-gradient(to right,{",".join(colours)})"></i>'
    return f'<div title="{escape(title)}" class="legend">{low:.3g} {bar} {high:.3g}</div>'


def error(message: str) -> str:
    """Return an error message as HTML."""
    return f'<p class="error">{escape(message)}</p>'


def rgba(image: np.ndarray) -> np.ndarray:
    """Return an image as Bokeh's `image_rgba` takes it, uint32 [H, W], the last line first."""
    pixels = as_picture(_drawable(image)).convert("RGBA")
    return np.asarray(pixels)[::-1].copy().view(np.uint32)[..., 0]


def _source(file, kind):
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _drawable(image):
    """Return the first three channels of an image, or the first of one or two."""
    return image[..., :3] if image.shape[-1] >= 3 else image[..., :1]
