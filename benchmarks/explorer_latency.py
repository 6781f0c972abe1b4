"""Times the explorer in a real browser: from a move of the pointer over the plane to the image that lies there, drawn.

    python benchmarks/explorer_latency.py            # needs chromium and chromium-driver

Two models: the networks of section 2 on digits of 28 x 28, and convolutions on photographs of 64 x 64 x 3 (random
pixels: the time does not depend on them), each trained for a moment. The page times itself: it sends a pointer's move
to the plane, waits until the image's data has changed and two more frames have begun, and goes on after a pause.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import aae_tf

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import Browser, served

ASK = """
const [count, done] = arguments;
const plane = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("plane"));
const shown = Bokeh.documents[0].get_model_by_name("decoded").renderers[0].data_source;
const events = plane.canvas_view.events_el;
const frame = plane.frame.bbox, box = plane.el.getBoundingClientRect(), times = [];
const pause = t => new Promise(r => setTimeout(r, t)), frameBegins = () => new Promise(requestAnimationFrame);
(async () => {
  for (let n = 0; n < count; n++) {
    const at = { clientX: box.left + frame.left + frame.width * (0.1 + 0.8 * Math.random()),
                 clientY: box.top + frame.top + frame.height * (0.1 + 0.8 * Math.random()),
                 bubbles: true, pointerType: "mouse", pointerId: 1, isPrimary: true };
    const begun = performance.now();
    const changed = new Promise(r => { const f = () => { shown.properties.data.change.disconnect(f); r(); };
                                       shown.properties.data.change.connect(f); });
    events.dispatchEvent(new PointerEvent("pointermove", at));
    await changed; await frameBegins(); await frameBegins();
    times.push(performance.now() - begun);
    await pause(150);
  }
  done(times);
})();
"""


def main(moves: int = 60):
    """Print the time from a move to the picture.

    Args:
        moves: how many are timed; ten more come before.
    """
    chance = np.random.default_rng(0)
    photographs = chance.integers(0, 256, (600, 64, 64, 3), "uint8")
    made = {
        "28 x 28, dense layers of 1000": ("mnist_5k", {}),
        "64 x 64 x 3, convolutions": (photographs, {"architecture": "convolutional"}),
    }
    table = Table("images", "median, ms", "95 % below, ms", "worst, ms", box=None)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (dataset, more)) in enumerate(made.items()):
            out = Path(folder) / str(number)
            run = aae_tf.train("gaussian", dataset, out_dir=out, epochs=1, report=False, progress=False, **more)
            with served(run) as address:
                browser = Browser(address, (1200, 1400))
                browser.driver.set_script_timeout(120)
                times = np.array(browser.driver.execute_async_script(ASK, moves + 10)[10:])
                browser.driver.quit()
            table.add_row(name, *(f"{value:.0f}" for value in (*np.quantile(times, [0.5, 0.95]), times.max())))
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
