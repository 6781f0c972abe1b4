"""The contents of the explorer's page: figures, controls and texts, without their behaviour."""

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import bokeh.models as bk
from bokeh.plotting import figure

from aae_tf.data.images.folders import SUFFIXES
from aae_tf.figures.colours import INK

if TYPE_CHECKING:
    from bokeh.document import Document

    from aae_tf.explorer.latent import LatentSpace

GREY = "#c8c8c8"
TALLEST = 420  # largest height of the decoded image, in pixels
STYLE = files("aae_tf.explorer").joinpath("style.css").read_text()
WRAPPED = ".bk-btn-group { flex-wrap: wrap; } .bk-btn { white-space: normal; overflow-wrap: anywhere; }"
WRAPPED += " :host { max-width: 100%; }"
SCROLLED = ":host { max-height: 300px; overflow-y: auto; }"
WIDE = {"sizing_mode": "stretch_width"}


class Layout:
    """The Bokeh models on the page of a latent space, each an attribute."""

    def __init__(self, space: "LatentSpace"):
        self.space = space
        self.is_image = space.element.figures == "pictures"
        self.entry_names = space.element.entries or None
        self._make_plane()
        self._make_axes()
        self._make_decoded()
        self._make_sliders()
        texts = (_text(name) for name in ("alert", "legend", "numbers", "interpolation", "answer", "samples"))
        self.alert, self.legend, self.numbers, self.interpolation, self.answer, self.samples = texts
        self.centroid_pictures = _text("centroids", SCROLLED)
        labels = space.choices or (space.entries if space.has_map else [])
        shown = {"visible": bool(labels), "active": 0 if space.choices else None, "stylesheets": [WRAPPED]}
        self.classes = bk.RadioButtonGroup(labels=labels, name="classes", **shown)
        self.mark = bk.Button(label="mark this point", name="mark", width=160)
        self.file = bk.FileInput(accept=",".join(sorted(SUFFIXES)), name="file", title="image file", **WIDE)
        self.seed = bk.Spinner(title="seed", low=0, high=2**31 - 1, step=1, value=0, name="seed", width=130)

    def add_to(self, document: "Document", title: str) -> None:
        """Add the page to a Bokeh document."""
        count = len(self.space.latent_points)
        summary = f"{count:,} {self.space.what} over the prior (grey). Move over the plane to decode its points."
        document.title = title
        document.template = files("aae_tf.explorer").joinpath("page.html").read_text()
        document.template_variables.update(summary=summary, takes_files=self.space.element.in_files)
        for root in vars(self).values():  # page.html places them by name
            if isinstance(root, bk.LayoutDOM):
                document.add_root(root)

    def _make_plane(self):
        def source(*columns: str) -> Any:
            return bk.ColumnDataSource({name: [] for name in ("x", "y", *columns)})

        self.points, self.prior, self.centroids = source("colour"), source(), source()
        self.cursor, self.ends, self.path = source(), source(), source()
        options = {"min_width": 240, "tools": "wheel_zoom,pan,reset", "active_drag": None}
        self.plane = plane = _figure("plane", 560, 520, x_range=bk.Range1d(), y_range=bk.Range1d(), **options)
        plane.toolbar.logo = None
        plane.scatter("x", "y", source=self.prior, size=2, color=GREY, line_color=None)
        plane.scatter("x", "y", source=self.points, size=5, color="colour", line_color=None, alpha=0.8)
        plane.scatter("x", "y", source=self.centroids, marker="star", size=16, fill_color=INK, line_color="white")
        plane.line("x", "y", source=self.path, color=INK, line_dash="dashed")
        plane.scatter("x", "y", source=self.ends, size=9, fill_color="white", line_color=INK, line_width=2)
        plane.scatter("x", "y", source=self.cursor, size=16, marker="cross", color=INK, line_width=2)

    def _make_axes(self):
        labels, names = self.space.held_out.labels, self.space.names
        colours = ["label", "error"] if labels is not None and (labels >= 0).any() else ["error"]
        self.colour_by = bk.Select(title="colour by", options=colours, value=colours[0], name="colour", width=110)
        self.across_axis, self.up_axis = (
            bk.Select(title=title, options=names, value=value, name=title, width=110, visible=len(names) > 2)
            for title, value in (("across", names[0]), ("up", names[min(1, len(names) - 1)]))
        )

    def _make_decoded(self):
        """Make the place of the decoded image and of its nearest held-out image, or of the two rows."""
        self.pictures = bk.ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        if not self.is_image:
            self.decoded = _text("decoded")
            return
        height, width, _ = self.space.held_out.images.shape[1:]
        total = 2.12 * width  # two images and a gap
        self.frames = {"x": [0, total - width], "y": [0, 0], "dw": [width, width], "dh": [height, height]}
        widest = round(TALLEST * total / height)
        options = {"min_width": min(200, widest), "max_width": max(2, widest), "match_aspect": True}
        options |= {"x_range": (0, total), "y_range": (0, height), "tools": "", "toolbar_location": None}
        self.decoded = _figure("decoded", 480, max(80, round(480 * height / total)), **options)
        self.decoded.image_rgba("image", "x", "y", "dw", "dh", source=self.pictures)
        self.decoded.axis.visible, self.decoded.outline_line_color = False, None

    def _make_sliders(self):
        limits = zip(self.space.names, *self.space.limits.tolist(), self.space.center.tolist(), strict=True)
        self.sliders = [
            bk.Slider(title=name, start=low, end=high, value=value, step=(high - low) / 200, format="0.00", **WIDE)
            for name, low, high, value in limits
        ]
        self.slider_box = bk.Column(*self.sliders, name="sliders", stylesheets=[SCROLLED], **WIDE)


def _figure(name, width, height, **options):
    made = figure(name=name, sizing_mode="scale_width", width=width, height=height, **options)
    made.grid.visible = False
    return made


def _text(name, *styles):
    return bk.Div(name=name, stylesheets=[STYLE, *styles], **WIDE)
