"""Pieces of the explorer's page: images as PNG in the page itself, numbers as text. Nothing here knows of Bokeh."""

import base64
import io
from html import escape

import numpy as np

from aae_tf.figures.colours import colour
from aae_tf.utils.images import as_picture, save_animation, to_bytes

SIDE = 56  # pixels that a small picture's height has on the page
MOST = 40  # numbers of a row that are shown


def picture(element, caption="", names=None, side=SIDE, what=""):
    """Return an image, or a row of numbers, as HTML.

    Args:
        element: [H, W, 1 or 3], uint8 or float in [0, 1]; or [D].
        caption: what stands below it.
        names: of a row's numbers.
        side: height of an image on the page, in pixels.
        what: what a screen reader says of an image; by default the caption.
    """
    if np.ndim(element) == 1:
        return table(element, names, caption)
    file = io.BytesIO()
    as_picture(_drawable(element)).save(file, "PNG")
    width = max(1, side * element.shape[1] // element.shape[0])
    source = base64.b64encode(file.getvalue()).decode()
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    image = (
        f'<img src="data:image/png;base64,{source}" width="{width}" height="{side}" alt="{escape(what or caption)}">'
    )
    return f"<figure>{image}{below}</figure>"


def strip(elements, captions=(), names=None, what="image"):
    """Return several images side by side as HTML, in as many lines as are needed.

    Args:
        elements: images or rows, [N, ...].
        captions: what stands below each.
        names: of a row's numbers.
        what: what a screen reader says of them, with their numbers, where they have no captions.
    """
    count = len(elements)
    captions = captions or [""] * count
    shown = (
        picture(element, caption, names, what=caption or f"{what} {number + 1} of {count}")
        for number, (element, caption) in enumerate(zip(elements, captions, strict=True))
    )
    return f'<div class="strip">{"".join(shown)}</div>'


def table(row, names, caption=""):
    """Return a row of numbers as an HTML table with their names.

    Args:
        row: float [D].
        names: D names.
        caption: what stands above it.
    """
    lines = (f"<tr><th>{escape(str(n))}</th><td>{v:.4g}</td></tr>" for n, v in zip(names[:MOST], row, strict=False))
    more = f"<tr><td>and {len(row) - MOST} more</td></tr>" if len(row) > MOST else ""
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}{more}</table>"


def animation(images):
    """Return an animation of images as HTML, with a link that saves it.

    Args:
        images: float [N, H, W, C] in [0, 1].
    """
    file = io.BytesIO()
    save_animation(file, np.stack([_drawable(image) for image in images]))
    source = f"data:image/gif;base64,{base64.b64encode(file.getvalue()).decode()}"
    return (
        f'<figure><img src="{source}" height="{2 * SIDE}" alt="the walk, as an animation">'
        f'<figcaption><a href="{source}" download="walk.gif">save the GIF</a></figcaption></figure>'
    )


def legend(names):
    """Return the colours of classes as HTML.

    Args:
        names: of the classes.
    """
    spots = (f'<span style="--spot:{colour(n)}">{escape(str(name))}</span>' for n, name in enumerate(names))
    return f'<div class="legend">{"".join(spots)}</div>'


def scale(low, high, colours):
    """Return a scale of colours between two numbers as HTML.

    Args:
        low: the number of the first colour.
        high: that of the last.
        colours: CSS colours.
    """
    bar = f'<i style="background:linear-gradient(to right,{",".join(colours)})"></i>'
    return f'<div class="legend">{low:.3g} {bar} {high:.3g}</div>'


def rgba(image):
    """Return an image as Bokeh's `image_rgba` takes it, uint32 [H, W], the last line first.

    Args:
        image: [H, W, 1 or more], uint8 or float in [0, 1].
    """
    pixels = to_bytes(_drawable(image))
    full = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    full[..., :3] = pixels
    return np.ascontiguousarray(full[::-1]).view(np.uint32)[..., 0]


def _drawable(image):
    """Return an image of one or three channels: of others the first."""
    return image if image.shape[-1] in (1, 3) else image[..., :3] if image.shape[-1] > 3 else image[..., :1]
