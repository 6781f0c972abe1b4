"""A small local server that speaks TensorFlow Serving's REST: for trying a model out, not for production."""
