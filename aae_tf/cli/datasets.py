"""The commands `aae-tf data prepare` and `aae-tf data pack`."""

from typing import Annotated

import typer

data_app = typer.Typer(help="Prepare datasets.", no_args_is_help=True)


@data_app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="TFDS name, for example mnist.")],
    folder: Annotated[str | None, typer.Option("--from", help="Folder of the original files, for no network.")] = None,
) -> None:
    """Prepare a TFDS dataset (into TFDS_DATA_DIR, or TFDS's own folder)."""
    from aae_tf.data import prepare as prepare_dataset

    typer.echo(prepare_dataset(name, folder))


@data_app.command()
def pack(
    source: Annotated[str, typer.Argument(help="A folder of images, an .npy or .npz file, or a dataset's name.")],
    dest: Annotated[str, typer.Argument(help="Folder to write; train --dataset DEST reads it by index.")],
    image_size: Annotated[int, typer.Option(min=0, help="Side to crop and resize images to; 0 for none.")] = 0,
) -> None:
    """Write images into a folder that training reads by index, for data larger than memory."""
    from rich.console import Console

    from aae_tf.data import pack as pack_dataset

    try:
        with Console(stderr=True).status("packing") as status:
            packed = pack_dataset(source, dest, image_size, lambda count: status.update(f"{count:,} images packed"))
    except KeyboardInterrupt:
        typer.echo(f"interrupted; '{dest}' was not written: pack it again", err=True)
        raise typer.Exit(130) from None
    typer.echo(packed)
