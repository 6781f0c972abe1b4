"""Adds to the documentation what lies outside its folder.

These are the notebooks, the examples, two files of the root, the command's help and the list of models.
"""

import ast
import re
from pathlib import Path

import typer
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File
from typer.cli import get_docs_for_click

from aae_tf.cli.main import app
from aae_tf.models import HOMES, MODELS

ROOT = Path(__file__).parents[1]
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "notebooks/*.ipynb")


@event_priority(100)  # run before the plugin that turns notebooks into pages
def on_files(files, config):
    """Add the files, and the pages that are made from the examples and from the command's help."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="aae-tf")
    text = get_docs_for_click(obj=command, ctx=context, name="aae-tf")
    files.append(File.generated(config, "reference/command_line.md", content=text))
    files.append(File.generated(config, "examples.md", content=_examples()))
    return files


def _examples():
    """Return a page of the examples: each one's docstring, then its code; first the one to be read."""
    read, *plugins = sorted((ROOT / "examples").glob("*.py"), key=lambda path: path.stem != "aae_from_scratch")
    parts = [
        f"# Examples\n\n`{read.stem}` is the model of section 2 in plain Keras, to be read. The other files extend the "
        "library without changing it. Each has fewer than 80 lines, and `aae-tf --plugin FILE` imports it. What it "
        "registers has a name in recipes, on the command line and in the record of a run, and is trained, resumed, "
        "evaluated, saved and served like the library's own."
    ]
    for path in (read, *plugins):
        text = path.read_text()
        tree = ast.parse(text)
        code = "\n".join(text.splitlines()[tree.body[0].end_lineno :]).strip()
        parts.append(f"## {path.stem}\n\n{ast.get_docstring(tree)}\n\n```python\n{code}\n```")
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown, page, config, files):
    """Insert the module of each model, and turn links to notebooks and examples into links to pages."""
    modules = "\n".join(f"::: {module}" for module in dict.fromkeys(HOMES[name] for name in MODELS))
    markdown = markdown.replace("<!-- every model's file -->", modules)
    outside = r"\]\(\.\./((?:\.\./)?(?:notebooks/|examples/|CONTRIBUTING\.md))"
    markdown = re.sub(outside, r"](\1", markdown).replace("](docs/", "](")
    return re.sub(r"examples/(\w+)\.py\)", r"examples.md#\1)", markdown).replace("examples/)", "examples.md)")


def on_page_content(html, page, config, files):
    """Turn the links of a notebook, which are to files, into links to pages."""
    if not page.file.src_uri.startswith("notebooks/"):
        return html
    html = re.sub(r'href="\.\./examples/(\w+)\.py"', r'href="../../examples/#\1"', html)
    html = re.sub(r'href="(\w+)\.ipynb"', r'href="../../notebooks/\1/"', html)
    return re.sub(r'href="\.\./(?:docs/)?(\w+)\.md"', r'href="../../\1/"', html)
