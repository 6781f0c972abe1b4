"""A real browser on a page of the explorer: Debian's Chromium and its driver (packages chromium, chromium-driver)."""

import asyncio
import contextlib
import io
import shutil
import socket
import threading
import time

import numpy as np
from PIL import Image

from aae_tf.explorer.launch import make_server

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
)


def found():
    """Whether there is a browser here."""
    return CHROMIUM is not None and DRIVER is not None


@contextlib.contextmanager
def served(run):
    """The address of a run's page, served by a thread of this process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started, made = threading.Event(), []

    def work():
        asyncio.set_event_loop(asyncio.new_event_loop())
        made.append(make_server(run, port=port))
        started.set()
        made[0].io_loop.start()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while not started.wait(0.1):
        assert thread.is_alive(), "the server did not start"
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        made[0].io_loop.add_callback(made[0].io_loop.stop)
        thread.join(20)


class Browser:
    """A Chromium looking at a page.

    Args:
        address: of the page.
        size: (width, height) of its window, in pixels.
    """

    def __init__(self, address, size):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        sized = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sized)
        self.driver.get(address)
        self.until(lambda: self.ask("return window.Bokeh?.documents?.[0]?.is_idle === true"))

    def ask(self, script, *arguments):
        """Return what JavaScript returns; `model(name)` is a Bokeh model, `view(name)` its view."""
        head = (
            "const model = n => Bokeh.documents[0].get_model_by_name(n);"
            "const view = n => Bokeh.index.find_one(model(n));"
        )
        return self.driver.execute_script(head + script, *arguments)

    def text(self, name):
        """Return the HTML of a `Div`."""
        return self.ask("return model(arguments[0]).text", name)

    def picture(self):
        """Return the pixels of the decoded image, uint32 [H, W] flattened."""
        return self.ask("const s = view('decoded').model.renderers[0].data_source.data.image[0]; return Array.from(s)")

    def element(self, name, css):
        """Return the element of a selector within the model's shadow."""
        return self.ask("return view(arguments[0]).shadow_el.querySelector(arguments[1])", name, css)

    def until(self, holds, seconds=20):
        """Wait until something holds; returns what it gave."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = holds()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError("it did not come to hold")

    def point(self, x, y, click=False):
        """Move the pointer to a place of the plane, given as shares of its frame; click there."""
        from selenium.webdriver.common.action_chains import ActionChains

        box = self.ask(
            "const v = view('plane'); const r = v.el.getBoundingClientRect(), f = v.frame.bbox;"
            "return [r.left + f.left, r.top + f.top, f.width, f.height]"
        )
        actions = ActionChains(self.driver, duration=50)
        actions.w3c_actions.pointer_action.move_to_location(
            round(box[0] + x * box[2]), round(box[1] + (1 - y) * box[3])
        )
        (actions.click() if click else actions).perform()

    def keys(self, *pressed):
        """Press keys, where the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*pressed).perform()

    def screenshot(self):
        """Return what is seen, uint8 [H, W, 3]."""
        return np.asarray(Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB"))
