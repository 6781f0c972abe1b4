"""`python -m aae_tf` is the `aae-tf` command."""

from aae_tf.cli import main

main()
