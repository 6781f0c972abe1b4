"""Using a trained model from the command line: what a verb reads, what it asks the model, what it writes.

A verb is a signature (`encode`, `decode`, `reconstruct`, `classify`, `sample`, `interpolate`) of a run directory or of
an exported SavedModel; both answer alike. Rows are read, computed and written a batch at a time, so a folder may be
larger than memory. Nothing here imports TensorFlow until a model is opened.
"""
