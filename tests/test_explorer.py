"""The explorer: what it shows, and each of its controls used in a real browser.

The browser is Debian's Chromium with its driver: apt-get install chromium chromium-driver. Without it those tests skip.
"""

import asyncio
import base64
import io
import shutil
import socket
import time

import httpx
import numpy as np
import pytest
from browser import Browser, found, served
from conftest import QUICK, eager, mostly_e2e, small
from PIL import Image
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

import aae_tf
from aae_tf.errors import InputError
from aae_tf.explorer.latent import LatentSpace
from aae_tf.explorer.launch import make_server


@pytest.fixture(scope="module")
def runs(few, tmp_path_factory):
    """Function from a recipe to a run of it that was trained for a moment."""
    made, folder = {}, tmp_path_factory.mktemp("explored")

    def run(name):
        more = {"labels": 40} if name in ("semi_supervised", "reduction") else {}
        if name not in made:
            options = small(name, epochs=1, batch_size=320, report=False, **QUICK) | more
            with eager():
                made[name] = aae_tf.train(name, few, out_dir=folder / name, **options)
        return made[name]

    return run


def test_latent_points_are_codes_and_are_decoded(trained):
    space = LatentSpace(trained)
    images = space.held_out.images
    assert len(images) == len(trained.data.validation) and space.names == ["z1", "z2"] and not space.choices
    np.testing.assert_allclose(space.latent_points, trained.model.encode(images), rtol=1e-6)
    np.testing.assert_allclose(space.decode(space.latent_points), trained.model.reconstruct(images), atol=1e-6)
    low, high = space.limits
    assert (np.mean((space.latent_points >= low) & (space.latent_points <= high), 0) > 0.98).all()
    ends = space.latent_points[:2]
    path = space.decode(space.interpolate(*ends, 5))
    np.testing.assert_allclose(path[[0, -1]], space.decode(ends), atol=1e-5)
    np.testing.assert_allclose(path, trained.interpolate(images[0], images[1], 5), atol=1e-5)
    np.testing.assert_array_equal(space.sample(4, 7), trained.model.sample(4, 7))
    assert space.nearest(space.latent_points[3], 2)[0] == 3


def test_an_image_is_analysed_as_the_model_does(trained):
    space = LatentSpace(trained, "test")
    image = trained.data.validation.images[0]
    found = space.analyse(image)
    np.testing.assert_allclose(found["output"], trained.model.reconstruct(image[None])[0], atol=1e-6)
    assert found["verdict"] is None and found["probabilities"] is None
    assert found["share"] == np.mean(space.errors < found["error"])


def test_a_class_conditions_the_decoder(runs):
    run = runs("semi_supervised")
    space = LatentSpace(run)
    assert space.choices == [str(number) for number in range(10)]
    point = space.latent_points[0]
    np.testing.assert_allclose(space.decode(point[None], 3)[0], run.model.decode(point[None], [3])[0], atol=1e-6)
    image = space.held_out.images[0]
    found = space.analyse(image)
    assert found["choice"] == run.model.predict_labels(image[None])[0] == found["probabilities"].argmax()
    np.testing.assert_allclose(space.decode(found["latent_point"][None], found["choice"]).shape, (1, 28, 28, 1))
    labels = run.model.predict_labels(space.held_out.images)
    near = space.nearest(point, 5, labels[0])
    assert near[0] == 0 and (labels[near] == labels[0]).sum() == min(5, (labels == labels[0]).sum())


def test_a_map_is_explored_as_a_map(runs):
    run = runs("reduction")
    space = LatentSpace(run)
    images = space.held_out.images
    np.testing.assert_allclose(space.latent_points, run.model.represent(images), rtol=1e-5)
    np.testing.assert_allclose(space.centroids, np.asarray(run.model.centroids.centroids), atol=1e-6)
    np.testing.assert_allclose(space.decode(space.latent_points), run.model.reconstruct(images), atol=1e-5)
    assert space.names == ["map 1", "map 2"] and not space.choices
    middle = space.decode(space.interpolate(*space.centroids[:2], 3))[1]
    np.testing.assert_allclose(middle, space.decode(space.centroids[:2].mean(0)[None])[0], atol=1e-5)


def test_labels_that_the_decoder_reads(runs):
    space = LatentSpace(runs("style"))
    assert len(space.choices) == 10 and space.errors.shape == (len(space.latent_points),)
    found = space.analyse(space.held_out.images[0], 4)
    np.testing.assert_allclose(found["output"], space.decode(found["latent_point"][None], 4)[0], atol=1e-5)
    assert found["choice"] == 4


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "name", mostly_e2e(["wine", "mixture", "reduction", "style", "clustering"], ["wine", "reduction", "style"])
)
def test_a_page_of_every_kind(name, few, runs, tmp_path, training_alone):
    from bokeh.document import Document

    from aae_tf.explorer.page import Page

    if name == "wine":
        run = aae_tf.train(
            "gaussian", "wine", out_dir=tmp_path / "run", epochs=1, batch_size=100, latent_dim=1, **QUICK
        )
    else:
        run = runs(name)
    page, document = Page(LatentSpace(run)), Document()
    page.add_to(document, "a page")
    assert document.validate() is None and {"plane", "sliders", "samples"} <= {root.name for root in document.roots}
    before = page.numbers.text, str(page.pictures.data), page.decoded.text if name == "wine" else ""
    page._tap(*page.space.latent_points[5][:2], *([0.0] if name == "wine" else []))
    page._tap(*page.space.latent_points[9][:2], *([0.0] if name == "wine" else []))
    assert before != (page.numbers.text, str(page.pictures.data), page.decoded.text if name == "wine" else "")
    assert "figure" in page.interpolation.text if name != "wine" else "<table>" in page.interpolation.text
    assert not page.alert.text and len(page.path.data["x"]) == 12 and len(page.ends.data["x"]) == 2
    if page.space.has_map:  # a button goes to its centroid, again and again
        for _ in range(2):
            page.classes.active = 1
            np.testing.assert_allclose(page.point, page.space.centroids[1])
            page._go(page.space.center)
    page.space.decode = lambda *_: 1 / 0
    page._tap(0.0, 0.0)
    assert "ZeroDivisionError" in page.alert.text  # and not only in the terminal


@pytest.mark.usefixtures("eagerly")
def test_what_cannot_be_explored_is_refused(few, trained, tmp_path, training_alone):
    run = aae_tf.train("gan", few, out_dir=tmp_path / "gan", **small("gan", epochs=1, progress=False))
    with pytest.raises(InputError, match="has no encoder"):
        LatentSpace(run)
    with pytest.raises(InputError, match="accepted: test, validation"):
        LatentSpace(trained, "train")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="use another --port"):
            make_server(trained, port=taken.getsockname()[1])


# In a browser ------------------------------------------------------------------------------------------------


@pytest.fixture
def browse():
    """Function from an address and a window's size to a `Browser`, closed afterwards."""
    if not found():
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    opened = []

    def browse(address, size=(1200, 1400)):
        opened.append(Browser(address, size))
        return opened[-1]

    yield browse
    for browser in opened:
        browser.driver.quit()


@pytest.mark.e2e
def test_each_control_in_a_browser(trained, few, browse, tmp_path):
    shutil.copytree(trained.out_dir, tmp_path / "run")  # the one with a detector is this test's own
    run = aae_tf.load_run(tmp_path / "run", few)
    run.detector(few[0], false_alarm=0.1)
    with served(run) as address:
        browser = browse(address)
        assert browser.driver.title.startswith("gaussian")

        # move over the plane: the image that lies there follows
        space = LatentSpace(trained)
        low, high = space.limits
        browser.point(0.3, 0.7)
        first = browser.until(lambda: browser.picture())
        browser.point(0.8, 0.4)
        browser.until(lambda: browser.picture() != first)
        at = browser.ask("return model('sliders').children.map(s => s.value)")
        np.testing.assert_allclose(at, low + [0.8, 0.4] * (high - low), atol=0.03 * (high - low).max())
        wanted = np.rint(np.clip(space.decode(np.array([at]))[0, ::-1, :, 0], 0, 1) * 255)
        browser.until(lambda: np.abs((np.array(browser.picture()) & 255) - wanted.ravel()).max() <= 2)

        # click two points: an interpolation, and a GIF of it that can be saved
        browser.point(0.2, 0.2, click=True)
        browser.until(lambda: "one end" in browser.text("interpolation"))
        time.sleep(0.5)  # two clicks within less are a double click
        browser.point(0.7, 0.7, click=True)
        path = browser.until(
            lambda: "interpolation.gif" in browser.text("interpolation") and browser.text("interpolation")
        )
        assert path.count("image/png") == 12
        frames = Image.open(io.BytesIO(base64.b64decode(path.split("image/gif;base64,")[1].split('"')[0])))
        assert frames.n_frames > 1 and frames.format == "GIF"

        # a slider, by the keyboard
        browser.ask("view('sliders').child_views[0].shadow_el.querySelector('.noUi-handle').focus()")
        before = browser.picture()
        browser.keys("\ue014" * 30)  # arrow to the right
        browser.until(lambda: browser.picture() != before)

        # samples by seed
        samples = browser.text("samples")
        assert samples.count("image/png") == 24
        browser.element("seed", "input").clear()
        browser.element("seed", "input").send_keys("5\n")
        browser.until(lambda: browser.text("samples") != samples)

        # colours by error
        legend = browser.text("legend")
        browser.ask("return view('colour').shadow_el.querySelector('select')").send_keys("error")
        browser.until(lambda: browser.text("legend") != legend)
        assert "gradient" in browser.text("legend")

        # a custom image, another one of the same name, and a file that is not an image
        picture = tmp_path / "mine <b>.png"
        Image.fromarray(trained.data.test.images[0, ..., 0]).resize((60, 60)).save(picture)
        browser.element("file", "input").send_keys(str(picture))
        answer = browser.until(lambda: browser.text("answer"))
        assert answer.count("image/png") == 2 + 5 and "threshold" in answer and "reconstruction error" in answer
        Image.fromarray(trained.data.test.images[1, ..., 0]).save(picture)
        browser.element("file", "input").send_keys(str(picture))
        browser.until(lambda: browser.text("answer") != answer)
        (tmp_path / "none <b>.png").write_bytes(b"no picture")
        browser.element("file", "input").send_keys(str(tmp_path / "none <b>.png"))
        browser.until(lambda: "cannot be read as an image; accepted: .bmp" in browser.text("answer"))
        assert "<b>" not in browser.text("answer") and "none &lt;b&gt;.png" in browser.text("answer")

        # no requests to the network, no errors, and a picture
        asked = browser.ask("return performance.getEntriesByType('resource').map(entry => entry.name)")
        assert asked and all(each.startswith((address, "data:", address.replace("http", "ws"))) for each in asked)
        assert not [line for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
        seen = browser.screenshot()
        assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 100


@pytest.mark.e2e
def test_a_phone_and_a_keyboard(runs, browse):
    run = runs("semi_supervised")
    with served(run) as address:
        browser = browse(address, (360, 740))
        assert browser.ask("return document.documentElement.scrollWidth") <= 360
        wide = browser.ask("return view('plane').el.getBoundingClientRect().width")
        assert 240 <= wide <= 360
        # every control is reached by the tab key
        reached = set()
        for _ in range(80):
            browser.keys("\ue004")
            reached.add(
                browser.ask(
                    "let e = document.activeElement;"
                    "while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;"
                    "return e?.innerText || e?.className || e?.tagName"
                )
            )
        assert {str(number) for number in range(10)} | {"mark this point"} <= reached
        assert any("noUi-handle" in each for each in reached)
        # a button conditions the decoder on another class
        before, samples = browser.picture(), browser.text("samples")
        browser.ask("view('classes').shadow_el.querySelectorAll('button')[7].focus()")
        browser.keys(" ")
        browser.until(lambda: browser.picture() != before and browser.text("samples") != samples)
        assert browser.text("centroids").count("image/png") == 10
        # both ends of an interpolation by the keyboard
        for wanted in ("one end", "interpolation.gif"):
            browser.ask("view('mark').shadow_el.querySelector('button').focus()")
            browser.keys(" ")
            browser.until(lambda wanted=wanted: wanted in browser.text("interpolation"))
            browser.ask("view('sliders').child_views[1].shadow_el.querySelector('.noUi-handle').focus()")
            browser.keys("\ue012" * 40)  # arrow to the left
        # names for screen readers
        names = browser.ask(
            "return model('sliders').children.map(s => view('sliders').child_views"
            ".find(v => v.model == s).shadow_el.querySelector('.noUi-handle').ariaLabel)"
        )
        assert names[:2] == ["z1", "z2"]
        pressed = "return [...view('classes').shadow_el.querySelectorAll('button')].map(b => b.ariaPressed)"
        assert browser.ask(pressed) == ["true" if number == 7 else "false" for number in range(10)]
        # the other dimensions can be the plane's
        across = browser.ask("return view('across').shadow_el.querySelector('select')")
        across.send_keys("z3")
        browser.until(lambda: browser.ask("return view('plane').model.below[0].axis_label") == "z3")
        assert browser.ask("return document.documentElement.scrollWidth") <= 360


@pytest.mark.e2e
def test_pages_of_other_origins_are_refused(trained):
    with served(trained) as address:
        port = address.split(":")[-1].strip("/")

        async def ask(host, origin):
            url = address.replace("http", "ws") + "ws"
            await websocket_connect(HTTPRequest(url, headers={"Origin": origin, "Host": host}))

        with pytest.raises(HTTPClientError, match="403"):
            asyncio.run(ask(f"127.0.0.1:{port}", "http://elsewhere.example"))
        # nor is the page served under another name (DNS rebinding)
        for host, there in ((f"127.0.0.1:{port}", True), (f"localhost:{port}", True), (f"evil.example:{port}", False)):
            assert ("the plane" in httpx.get(address, headers={"Host": host}).text) == there
