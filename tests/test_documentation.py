"""The documentation builds without a warning, and its links lead somewhere."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_it_has_a_page_for_every_notebook_and_public_name(site):
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks <= {page.parent.name for page in (site / "notebooks").rglob("index.html")}
    reference = "".join(page.read_text() for page in (site / "reference").rglob("index.html"))
    named = set(re.findall(r'id="(aae_tf[\w.]+)"', reference))
    rooms = ("data", "evaluation", "figures", "losses", "models", "networks", "priors", "reporting", "serving")
    for room in (*rooms, "training"):
        for name in importlib.import_module(f"aae_tf.{room}").__all__:
            if name[0].isalpha() and not name.isupper():
                assert any(each.rpartition(".")[2] == name for each in named), f"{room}.{name}"


def test_its_links_lead_somewhere(site):
    for page in site.rglob("*.html"):
        if page.name == "404.html":
            continue
        for target in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text()):
            if re.match(r"[a-z]+:|//", target) or target.startswith("data:"):
                continue
            found = (page.parent / unquote(target)).resolve()
            assert found.exists(), f"{page.relative_to(site)} links to {target}"


def test_the_architecture_names_every_folder_and_files_that_exist():
    text = (ROOT / "docs" / "architecture.md").read_text()
    paths = re.findall(r"`(?:aae_tf/)?([\w/]+(?:\.py|/))`", text)
    assert len(paths) > 25
    for path in paths:
        assert (ROOT / "aae_tf" / path).exists(), path
    folders = {path.parent.name for path in (ROOT / "aae_tf").glob("*/__init__.py")}
    assert folders <= set(re.findall(r"`(\w+)`", text.partition("## From a recipe")[0]))
