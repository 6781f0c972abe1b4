"""The command line `aae-tf`.

A command is a signature (`encode`, `decode`, `reconstruct`, `classify`, `sample`, `interpolate`) of a run directory or
of an exported SavedModel; both give the same results. Rows are read, computed and written in batches, so a folder may
be larger than memory. Nothing here imports TensorFlow until a model is opened.
"""
