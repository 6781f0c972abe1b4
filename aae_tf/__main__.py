"""`python -m aae_tf` is the `aae-tf` command."""

from aae_tf.cli.main import main

main()
