"""What the documentation takes from outside its folder: notebooks, two files of the root, the command's help."""

import re
from pathlib import Path

import typer
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File
from typer.cli import get_docs_for_click

from aae_tf.cli import app

ROOT = Path(__file__).parents[1]
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "notebooks/*.ipynb")


@event_priority(100)  # before the plugin that turns notebooks into pages
def on_files(files, config):
    """Add the files."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="aae-tf")
    text = get_docs_for_click(obj=command, ctx=context, name="aae-tf")
    files.append(File.generated(config, "reference/command_line.md", content=text))
    return files


def on_page_content(html, page, config, files):
    """Turn a notebook's links to other notebooks and to documents, which are to files, into links to pages."""
    if not page.file.src_uri.startswith("notebooks/"):
        return html
    html = re.sub(r'href="(\w+)\.ipynb"', r'href="../../notebooks/\1/"', html)
    return re.sub(r'href="\.\./(?:docs/)?(\w+)\.md"', r'href="../../\1/"', html)
