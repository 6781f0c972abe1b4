"""The explorer's page: what is on it, and what each control does. One `Page` is what one browser looks at."""

import base64
import functools
import io
import logging
from importlib.resources import files

import numpy as np
from bokeh.events import DoubleTap, MouseMove, Tap
from bokeh.models import (
    Button,
    Column,
    ColumnDataSource,
    Div,
    FileInput,
    RadioButtonGroup,
    Range1d,
    Select,
    Slider,
    Spinner,
)
from bokeh.palettes import Viridis256
from bokeh.plotting import figure

from aae_tf.data.images.folders import SUFFIXES, read_image
from aae_tf.errors import InputError
from aae_tf.explorer import html
from aae_tf.figures.colours import INK, colour

STEPS, SAMPLES, NEIGHBOURS = 12, 24, 5
GREY = "#c8c8c8"
STYLE = """
.strip { display: flex; flex-wrap: wrap; gap: 4px; }
figcaption { font-size: 12px; color: #555; max-width: 92px; overflow-wrap: anywhere; }
figure { margin: 0; max-width: 100%; }
img { image-rendering: pixelated; display: block; border: 1px solid #ddd; max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 13px; }
caption { text-align: left; color: #555; }
th { text-align: left; font-weight: normal; padding-right: 12px; }
td { text-align: right; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: center; }
.legend span::before { content: ""; display: inline-block; width: 11px; height: 11px; border-radius: 50%;
  background: var(--spot); margin-right: 5px; }
.legend i { display: inline-block; width: 140px; height: 11px; }
.error { color: #bd1f01; }
p { margin: 4px 0; }
"""
WRAPPED = """
.bk-btn-group { flex-wrap: wrap; }
.bk-btn { white-space: normal; overflow-wrap: anywhere; }
:host { max-width: 100%; }
"""
SCROLLED = ":host { max-height: 300px; overflow-y: auto; }"
WIDE = {"sizing_mode": "stretch_width"}


TALL = 420  # pixels that the decoded image's height has at most


def told(method):
    """Say on the page what goes wrong in an answer to the browser, which would see nothing of it otherwise."""

    @functools.wraps(method)
    def guarded(page, *values):
        if page.answering:  # a part of another answer
            return method(page, *values)
        page.answering, page.trouble.text = True, ""
        try:
            method(page, *values)
        except Exception as error:
            logging.getLogger(__name__).exception("an answer to the page went wrong")
            page.trouble.text = f'<p class="error">{html.escape(f"{type(error).__name__}: {error}")}</p>'
        finally:
            page.answering = False
        return None

    return guarded


class Page:
    """One browser's view of a latent space.

    Args:
        space: `LatentSpace`.

    Attributes:
        place: float32 [D], where it is.
        choice: int, the class or cluster that the decoder is told.
        ends: list of the places that were marked: none, one, or the two of a walk.
        answering: whether it is about to answer the browser.
    """

    def __init__(self, space):
        self.space, self.place, self.choice, self.ends = space, space.middle.astype("float32"), 0, []
        self.across, self.up = 0, min(1, len(space.names) - 1)
        self._wanted = self._document = self._own = None
        self.trouble, self.answering = self._div("trouble"), True
        self._make_plane()
        self._make_place()
        self._make_uses()
        self._colour()
        self._axes()
        self._sample()
        self.answering = False

    def add_to(self, document, title):
        """Put everything into a Bokeh document.

        Args:
            document: `bokeh.document.Document`.
            title: of the page.
        """
        space, self._document = self.space, document
        count = len(space.latent_points)
        summary = f"{count:,} {space.what} over the prior (grey). Move over the plane; what lies there is shown."
        document.title = title
        document.template = files("aae_tf.explorer").joinpath("page.html").read_text()
        document.template_variables.update(summary=summary, takes_files=self._takes_files)
        for part in self._parts:
            document.add_root(part)

    # What is on it -------------------------------------------------------------------------------------------

    def _make_plane(self):
        space = self.space
        self.points, self.prior = ColumnDataSource(), ColumnDataSource()
        self.here, self.way = ColumnDataSource(), ColumnDataSource({"x": [], "y": []})
        self.heads, self.path = ColumnDataSource(), ColumnDataSource({"x": [], "y": []})
        self.plane = plane = figure(
            name="plane",
            sizing_mode="scale_width",
            width=560,
            height=520,
            min_width=240,
            tools="wheel_zoom,pan,reset",
            active_drag=None,
            x_range=Range1d(),
            y_range=Range1d(),
        )
        plane.toolbar.logo = None
        plane.grid.visible = False
        plane.scatter("x", "y", source=self.prior, size=2, color=GREY, line_color=None)
        plane.scatter("x", "y", source=self.points, size=5, color="colour", line_color=None, alpha=0.8)
        if space.heads is not None:
            plane.scatter("x", "y", source=self.heads, marker="star", size=16, fill_color=INK, line_color="white")
        plane.line("x", "y", source=self.path, color=INK, line_dash="dashed")
        plane.scatter("x", "y", source=self.way, size=9, fill_color="white", line_color=INK, line_width=2)
        plane.scatter("x", "y", source=self.here, size=16, marker="cross", color=INK, line_width=2)
        plane.on_event(MouseMove, lambda event: self._move_to(event.x, event.y))
        for tap in (Tap, DoubleTap):
            plane.on_event(tap, lambda event: self._tap(event.x, event.y))
        by = ["label", "error"] if self._labelled else ["error"]
        self.colour_by = Select(title="colour by", options=by, value=by[0], name="colour", width=110)
        _on(self.colour_by, lambda _: self._colour())
        self.across_axis, self.up_axis = (
            Select(
                title=name,
                options=space.names,
                value=space.names[at],
                name=name,
                width=110,
                visible=len(space.names) > 2,
            )
            for name, at in (("across", self.across), ("up", self.up))
        )
        for select in (self.across_axis, self.up_axis):
            _on(select, lambda _: self._axes())
        self.legend = self._div("legend")

    def _make_place(self):
        space = self.space
        self.shown = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        if space.element.figures == "pictures":
            height, width, _ = space.held_out.images.shape[1:]
            gap = 0.12 * width
            self._frames = {"x": [0, width + gap], "y": [0, 0], "dw": [width, width], "dh": [height, height]}
            self.look = figure(
                name="here",
                sizing_mode="scale_width",
                width=480,
                height=max(80, round(480 * height / (2 * width + gap))),
                min_width=min(200, round(TALL * (2 * width + gap) / height)),
                max_width=max(2, round(TALL * (2 * width + gap) / height)),
                x_range=(0, 2 * width + gap),
                y_range=(0, height),
                tools="",
                toolbar_location=None,
                match_aspect=True,
            )
            self.look.image_rgba("image", "x", "y", "dw", "dh", source=self.shown)
            self.look.axis.visible = self.look.grid.visible = False
            self.look.outline_line_color = None
        else:
            self.look = self._div("here")
        self.numbers = self._div("numbers")
        self.chips = RadioButtonGroup(
            labels=space.choices or (space.entries if space.has_map else []),
            active=0 if space.choices else None,
            name="chips",
            visible=bool(space.choices) or space.has_map,
            stylesheets=[WRAPPED],
        )
        _on(self.chips, self._choose, "active")
        self.head_pictures = Div(name="heads", stylesheets=[STYLE, SCROLLED], **WIDE)
        low, high = space.reach
        self.sliders = [
            Slider(
                title=name, start=float(a), end=float(b), value=float(v), step=float(b - a) / 200, format="0.00", **WIDE
            )
            for name, a, b, v in zip(space.names, low, high, self.place, strict=True)
        ]
        for number, slider in enumerate(self.sliders):
            _on(slider, functools.partial(self._slide, number))
        self.slider_box = Column(*self.sliders, name="sliders", stylesheets=[SCROLLED], **WIDE)
        self._draw_heads()

    def _make_uses(self):
        self.mark = Button(label="mark this place", name="mark", width=160)
        self.mark.on_click(self._mark)
        self.walk = self._div("walk")
        self.file = FileInput(accept=",".join(sorted(SUFFIXES)), name="file", title="image file", **WIDE)
        _on(self.file, lambda _: self._answer(), "filename")
        self.answer = self._div("answer")
        self.seed = Spinner(title="seed", low=0, high=2**31 - 1, step=1, value=0, name="seed", width=130)
        _on(self.seed, lambda _: self._sample())
        self.samples = self._div("samples")

    @property
    def _parts(self):
        place = (self.look, self.numbers, self.chips, self.head_pictures, self.slider_box)
        uses = (self.mark, self.walk, self.file, self.answer, self.seed, self.samples)
        plane = (self.colour_by, self.across_axis, self.up_axis, self.plane, self.legend)
        return (self.trouble, *plane, *place, *uses)

    @property
    def _takes_files(self):
        """Whether an image file holds what the model takes."""
        return self.space.element.in_files

    @property
    def _labelled(self):
        labels = self.space.held_out.labels
        return labels is not None and bool((labels >= 0).any())

    @property
    def _row_names(self):
        return self.space.element.entries or None

    def _div(self, name):
        return Div(name=name, stylesheets=[STYLE], **WIDE)

    # What happens --------------------------------------------------------------------------------------------

    def _move_to(self, x, y):
        """Go to where the pointer is; of many moves that wait only the last is followed."""
        waits, self._wanted = self._wanted is not None, (x, y)
        if not waits:
            self._document.add_next_tick_callback(self._follow)

    @told
    def _follow(self):
        if self._wanted is None:
            return
        (x, y), self._wanted = self._wanted, None
        place = self.place.copy()
        place[self.across] = x
        if self.up != self.across:
            place[self.up] = y
        self._go(place)

    def _go(self, place):
        self.place = place
        for number, slider in enumerate(self.sliders):
            slider.value = float(np.clip(place[number], slider.start, slider.end))
        self._show()

    @told
    def _slide(self, number, value):
        limits = self.sliders[number].start, self.sliders[number].end
        if not np.isclose(np.clip(self.place[number], *limits), value):
            self.place[number] = value
            self._show()

    @told
    def _choose(self, chosen):
        if chosen is None:
            return
        if self.space.has_map:
            self._go(self.space.heads[chosen].copy())
            self.chips.active = None  # to be pressed again
            return
        self.choice = chosen
        self._show()
        self._walk()
        self._sample()
        if self.space.model.reads_labels and self._own is not None:
            self._say_of(*self._own)

    @told
    def _tap(self, x, y):
        self._wanted = (x, y)
        self._follow()
        self._mark()

    @told
    def _mark(self):
        self.ends = [*(self.ends if len(self.ends) == 1 else []), self.place.copy()]
        self._walk()

    @told
    def _answer(self):
        """Say what the model makes of the file that was dropped."""
        name, content = self.file.filename, self.file.value
        if not name:
            return
        self.file.clear()  # so that the same name is heard of again
        self._own = None
        try:
            shape = self.space.held_out.images.shape[1:]
            self._own = read_image(io.BytesIO(base64.b64decode(content)), shape, name), name
            self._say_of(*self._own)
        except InputError as error:
            self.answer.text = f'<p class="error">{html.escape(str(error))}</p>'

    def _say_of(self, image, name):
        space = self.space
        found = space.ask(image, self.choice)
        near = space.nearest(found["place"], NEIGHBOURS, found["choice"])
        if space.choices:
            self.chips.active = found["choice"]
        self._go(found["place"])
        error = f"reconstruction error {found['error']:.4f}: above that of {100 * found['share']:.0f} % of {space.what}"
        lines = [name + (f", as {space.choices[self.choice]}" if space.model.reads_labels else ""), error]
        if found["probabilities"] is not None:
            best = np.argsort(-found["probabilities"])[:3]
            lines.append(
                ", ".join(f"{space.entries[each]}: {100 * found['probabilities'][each]:.1f} %" for each in best)
            )
        if found["verdict"] is not None:
            word = "abnormal" if found["verdict"]["abnormal"] else "normal"
            lines.append(
                f"{word}: score {found['verdict']['score']:.2f}, threshold {found['verdict']['threshold']:.2f}"
            )
        else:
            lines.append(
                f"no verdict: this run has no detector yet (aae-tf detect {space.run.out_dir} FILES makes one)"
            )
        text = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        both = html.strip([image / 255.0, found["output"]], ["as the model sees it", "reconstruction"])
        around = html.strip(space.held_out.images[near], [self._name(row) for row in near])
        self.answer.text = f"{both}{text}<p>the nearest of the {html.escape(space.what)}:</p>{around}"

    # What is shown -------------------------------------------------------------------------------------------

    def _show(self):
        """Show what lies at the place, and the held-out image that is nearest to it."""
        space, names = self.space, self._row_names
        output = space.decode(self.place[None], self.choice)[0]
        near = int(space.nearest(self.place, 1, self.choice)[0])
        x, y = self.place[self.across], self.place[self.up]
        self.here.data = {"x": [float(x)], "y": [float(y) if self.up != self.across else 0.0]}
        text = f"nearest of the {space.what}: {self._name(near)}, error {space.errors[near]:.4f}"
        if names is None:
            shown = [html.rgba(output), html.rgba(space.held_out.images[near])]
            self.shown.data = {"image": shown, **self._frames}
            self.numbers.text = f"left: decoded; right: {html.escape(text)}"
        else:
            both = [output, space.held_out.images[near]]
            self.look.text = html.strip(both, ["decoded", f"nearest: {self._name(near)}"], names)
            self.numbers.text = html.escape(text)

    def _name(self, row):
        labels = self.space.held_out.labels
        known = labels is not None and labels[row] >= 0
        return str(self.space.class_names[labels[row]]) if known else f"number {self.space.rows[row]}"

    @told
    def _axes(self):
        space = self.space
        self.across, self.up = (space.names.index(axis.value) for axis in (self.across_axis, self.up_axis))
        self.prior.data = self._plane_of(space.prior_points)
        self.points.data = {**self._plane_of(space.latent_points), "colour": self._colours}
        if space.heads is not None:
            self.heads.data = self._plane_of(space.heads)
        low, high = space.reach
        for ranged, axis, number in (
            (self.plane.x_range, self.plane.xaxis, self.across),
            (self.plane.y_range, self.plane.yaxis, self.up),
        ):
            ranged.update(start=float(low[number]), end=float(high[number]))
            ranged.update(reset_start=ranged.start, reset_end=ranged.end)
            axis.axis_label = space.names[number]
        if self.up == self.across:
            self.plane.y_range.update(start=-1, end=1, reset_start=-1, reset_end=1)
        self.plane.yaxis.visible = self.up != self.across
        self._show()
        self._walk()

    def _plane_of(self, latent_points):
        flat = self.up == self.across
        return {
            "x": latent_points[:, self.across],
            "y": np.zeros(len(latent_points)) if flat else latent_points[:, self.up],
        }

    @told
    def _colour(self):
        space = self.space
        if self.colour_by.value == "label":
            labels = space.held_out.labels
            self._colours = [colour(label) if label >= 0 else GREY for label in labels]
            self.legend.text = html.legend(space.class_names)
        else:
            low, high = np.quantile(space.errors, [0.02, 0.98])
            rank = np.clip((space.errors - low) / max(high - low, 1e-12), 0, 1)
            self._colours = [Viridis256[int(255 * each)] for each in rank]
            self.legend.text = html.scale(low, high, Viridis256[::32]).replace("<div", "<div title='error'", 1)
        if self.points.data:
            self.points.data = {**self.points.data, "colour": self._colours}

    def _draw_heads(self):
        space = self.space
        if space.has_map:
            heads, names = space.decode(space.heads), space.entries
        elif space.choices:
            still = np.zeros((1, len(space.names)), "float32")
            heads = np.concatenate([space.decode(still, each) for each in range(len(space.choices))])
            names = space.choices
        else:
            return
        self.head_pictures.text = "<p>their heads:</p>" + html.strip(heads, list(names), self._row_names)

    def _walk(self):
        ends = np.stack(self.ends) if self.ends else np.zeros((0, len(self.space.names)))
        way = self.space.way(*ends, STEPS) if len(ends) == 2 else ends
        self.way.data, self.path.data = self._plane_of(ends), self._plane_of(way)
        if len(ends) < 2:
            self.walk.text = "<p>one end is marked</p>" if len(ends) else ""
            return
        images = self.space.decode(way, self.choice)
        moving = html.animation(images) if self._row_names is None else ""
        self.walk.text = html.strip(images, names=self._row_names, what="walk") + moving

    @told
    def _sample(self):
        seed = self.seed.value
        if seed is None or seed != int(seed):
            self.samples.text = '<p class="error">a seed is an integer from 0</p>'
            return
        images = self.space.sample(SAMPLES, int(seed), self.choice)
        self.samples.text = html.strip(images, names=self._row_names, what="sample")


def _on(control, do, what="value"):
    """Call `do` with the new value whenever a control's changes."""
    control.on_change(what, lambda attr, old, new: do(new))
