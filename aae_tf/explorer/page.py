"""The behaviour of the explorer's page. One `Page` is the view of one browser."""

import base64
import functools
import io
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.events import DoubleTap, MouseMove, Tap
from bokeh.palettes import Viridis256

from aae_tf.data.images.folders import read_image
from aae_tf.errors import InputError
from aae_tf.explorer import html
from aae_tf.explorer.layout import GREY, Layout
from aae_tf.figures.colours import colour

if TYPE_CHECKING:
    from aae_tf.explorer.latent import LatentSpace

STEPS, SAMPLES, NEIGHBOURS = 12, 24, 5


def shows_errors(method: Callable) -> Callable:
    """Show a failure of an event handler on the page, where the browser would show nothing."""

    @functools.wraps(method)
    def guarded(page, *values):
        if page.handling:  # called by another handler
            return method(page, *values)
        page.handling, page.alert.text = True, ""
        try:
            method(page, *values)
        except Exception as error:
            logging.getLogger(__name__).exception("an event of the page failed")
            page.alert.text = html.error(f"{type(error).__name__}: {error}")
        finally:
            page.handling = False
        return None

    return guarded


class Page(Layout):
    """One browser's view of a latent space."""

    def __init__(self, space: "LatentSpace"):
        super().__init__(space)
        self.point, self.choice = space.center.astype("float32"), 0  # shown, with the condition of the decoder
        self.marked = []  # latent points: none, one, or the two ends of an interpolation
        self.handling = True  # an event
        self._pointer = self._own_image = None
        self._connect()
        self._draw_colours()
        self._draw_axes()
        self._draw_centroids()
        self._draw_samples()
        self.handling = False

    def _connect(self):
        self.plane.on_event(MouseMove, lambda event: self._move_to(event.x, event.y))
        for tap in (Tap, DoubleTap):
            self.plane.on_event(tap, lambda event: self._tap(event.x, event.y))
        self.mark.on_click(self._mark)
        _on_change(self.colour_by, "value", lambda _: self._draw_colours())
        for axis in (self.across_axis, self.up_axis):
            _on_change(axis, "value", lambda _: self._draw_axes())
        for number, slider in enumerate(self.sliders):
            _on_change(slider, "value", functools.partial(self._slide, number))
        _on_change(self.classes, "active", self._choose)
        _on_change(self.file, "filename", lambda _: self._read_file())
        _on_change(self.seed, "value", lambda _: self._draw_samples())

    # Events --------------------------------------------------------------------------------------------------

    def _move_to(self, x, y):
        """Follow the pointer; of several waiting moves only the last is followed."""
        waiting, self._pointer = self._pointer is not None, (x, y)
        if not waiting:
            self.plane.document.add_next_tick_callback(self._follow)

    @shows_errors
    def _follow(self):
        if self._pointer is None:
            return
        (x, y), self._pointer = self._pointer, None
        point = self.point.copy()
        point[self.across] = x
        if self.up != self.across:
            point[self.up] = y
        self._go(point)

    def _go(self, point):
        self.point = point
        for number, slider in enumerate(self.sliders):
            slider.value = float(np.clip(point[number], slider.start, slider.end))
        self._draw_point()

    @shows_errors
    def _slide(self, number, value):
        limits = self.sliders[number].start, self.sliders[number].end
        if not np.isclose(np.clip(self.point[number], *limits), value):
            self.point[number] = value
            self._draw_point()

    @shows_errors
    def _choose(self, chosen):
        if chosen is None:
            return
        if self.space.has_map:
            self._go(self.space.centroids[chosen].copy())
            self.classes.active = None  # so that it can be pressed again
            return
        self.choice = chosen
        self._draw_point()
        self._draw_interpolation()
        self._draw_samples()
        if self.space.model.reads_labels and self._own_image is not None:
            self._answer(*self._own_image)

    @shows_errors
    def _tap(self, x, y):
        self._pointer = (x, y)
        self._follow()
        self._mark()

    @shows_errors
    def _mark(self):
        self.marked = [*(self.marked if len(self.marked) == 1 else []), self.point.copy()]
        self._draw_interpolation()

    @shows_errors
    def _read_file(self):
        """Analyse the image file that was dropped on the page."""
        name, content = self.file.filename, self.file.value
        if not name:
            return
        self.file.clear()  # so that another file of this name is an event too
        self._own_image = None
        try:
            shape = self.space.held_out.images.shape[1:]
            self._own_image = read_image(io.BytesIO(base64.b64decode(content)), shape, name), name
            self._answer(*self._own_image)
        except InputError as error:
            self.answer.text = html.error(str(error))

    def _answer(self, image, name):
        space = self.space
        found = space.analyse(image, self.choice)
        near = space.nearest(found["latent_point"], NEIGHBOURS, found["choice"])
        if space.choices:
            self.classes.active = found["choice"]
        self._go(found["latent_point"])
        verdict, share = found["verdict"], 100 * found["share"]
        lines = [name + (f", as {space.choices[self.choice]}" if space.model.reads_labels else "")]
        lines.append(f"reconstruction error {found['error']:.4f}: above that of {share:.0f} % of {space.what}")
        if found["probabilities"] is not None:
            best = np.argsort(-found["probabilities"])[:3]
            lines.append(", ".join(f"{space.entries[n]}: {100 * found['probabilities'][n]:.1f} %" for n in best))
        if verdict is None:
            lines.append(f"no verdict: this run has no detector yet; make one: aae-tf detect {space.run.out_dir} FILES")
        else:
            word = "abnormal" if verdict["abnormal"] else "normal"
            lines.append(f"{word}: score {verdict['score']:.2f}, threshold {verdict['threshold']:.2f}")
        text = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        both = html.strip([image / 255.0, found["output"]], ["as the model sees it", "reconstruction"])
        neighbours = html.strip(space.held_out.images[near], [self._name(row) for row in near])
        self.answer.text = f"{both}{text}<p>the nearest of the {html.escape(space.what)}:</p>{neighbours}"

    # Drawing -------------------------------------------------------------------------------------------------

    @property
    def across(self) -> int:
        """Dimension of the plane's horizontal axis."""
        return self.space.names.index(self.across_axis.value)

    @property
    def up(self) -> int:
        """Dimension of the plane's vertical axis."""
        return self.space.names.index(self.up_axis.value)

    def _draw_point(self):
        """Show the decoder's output at the latent point, and the nearest held-out image."""
        space = self.space
        output = space.decode(self.point[None], self.choice)[0]
        near = int(space.nearest(self.point, 1, self.choice)[0])
        self.cursor.data = self._projected(self.point[None])
        text = f"nearest of the {space.what}: {self._name(near)}, error {space.errors[near]:.4f}"
        both = [output, space.held_out.images[near]]
        if self.is_image:
            self.pictures.data = {"image": [html.rgba(image) for image in both], **self.frames}
            self.numbers.text = f"left: decoded; right: {html.escape(text)}"
        else:
            self.decoded.text = html.strip(both, ["decoded", f"nearest: {self._name(near)}"], self.entry_names)
            self.numbers.text = html.escape(text)

    def _name(self, row):
        labels = self.space.held_out.labels
        known = labels is not None and labels[row] >= 0
        return str(self.space.class_names[labels[row]]) if known else f"number {self.space.rows[row]}"

    def _projected(self, latent_points):
        """Return latent points on the plane, on a line if both axes are the same dimension."""
        up = np.zeros(len(latent_points)) if self.up == self.across else latent_points[:, self.up]
        return {"x": latent_points[:, self.across], "y": up}

    @shows_errors
    def _draw_axes(self):
        space, (low, high), flat = self.space, self.space.limits.tolist(), self.up == self.across
        self.prior.data = self._projected(space.prior_points)
        self._draw_points()
        if space.centroids is not None:
            self.centroids.data = self._projected(space.centroids)
        horizontal, vertical = (low[self.across], high[self.across]), (-1, 1) if flat else (low[self.up], high[self.up])
        for limits, (start, end) in zip((self.plane.x_range, self.plane.y_range), (horizontal, vertical), strict=True):
            limits.update(start=start, end=end, reset_start=start, reset_end=end)
        self.plane.xaxis.axis_label, self.plane.yaxis.axis_label = space.names[self.across], space.names[self.up]
        self.plane.yaxis.visible = not flat
        self._draw_point()
        self._draw_interpolation()

    @shows_errors
    def _draw_colours(self):
        space = self.space
        if self.colour_by.value == "label":
            self._colours = [colour(label) if label >= 0 else GREY for label in space.held_out.labels]
            self.legend.text = html.legend(space.class_names)
        else:
            low, high = np.quantile(space.errors, [0.02, 0.98])
            rank = np.clip((space.errors - low) / max(high - low, 1e-12), 0, 1)
            self._colours = [Viridis256[int(255 * each)] for each in rank]
            self.legend.text = html.scale(low, high, Viridis256[::32], "error")
        self._draw_points()

    def _draw_points(self):
        self.points.data = {**self._projected(self.space.latent_points), "colour": self._colours}

    def _draw_centroids(self):
        """Show the decoder's output for each class or cluster."""
        space = self.space
        if space.has_map:
            images, text = space.decode(space.centroids), "<p>the cluster centroids:</p>"
        elif space.choices:
            origin, choices = np.zeros((1, len(space.names)), "float32"), range(len(space.choices))
            images = np.concatenate([space.decode(origin, choice) for choice in choices])
            text = "<p>each at the origin of the latent space:</p>"
        else:
            return
        names = space.entries if space.has_map else space.choices
        self.centroid_pictures.text = text + html.strip(images, names, self.entry_names)

    def _draw_interpolation(self):
        ends = np.stack(self.marked) if self.marked else np.zeros((0, len(self.space.names)))
        path = self.space.interpolate(*ends, STEPS) if len(ends) == 2 else ends
        self.ends.data, self.path.data = self._projected(ends), self._projected(path)
        if len(ends) < 2:
            self.interpolation.text = "<p>one end is marked</p>" if len(ends) else ""
            return
        images = self.space.decode(path, self.choice)
        pictures = html.strip(images, names=self.entry_names, what="interpolation")
        self.interpolation.text = pictures + (html.animation(images) if self.is_image else "")

    @shows_errors
    def _draw_samples(self):
        seed = self.seed.value
        if seed is None or seed != int(seed):
            self.samples.text = html.error("a seed is an integer from 0")
            return
        images = self.space.sample(SAMPLES, int(seed), self.choice)
        self.samples.text = html.strip(images, names=self.entry_names, what="sample")


def _on_change(control: Any, attribute: str, handler: Callable[[Any], None]) -> None:
    """Call `handler` with the new value whenever a control's attribute changes."""
    control.on_change(attribute, lambda attr, old, new: handler(new))
