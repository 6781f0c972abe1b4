"""Images: arrays, folders, TensorFlow Datasets and the embedded digits."""
