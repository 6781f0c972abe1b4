"""The command line `aae-tf`; nothing here imports TensorFlow until a model is opened.

Rows are read, computed and written in batches, so a folder of images may be larger than memory.
"""
