"""The `aae-tf` command, run in this process."""

from aae_tf.cli import main as cli


def run(*arguments):
    """Run the command in this process; returns its exit code."""
    try:
        cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code or 0
    return 0
