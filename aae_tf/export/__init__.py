"""SavedModels for TensorFlow Serving: signatures, model card, warm-up requests and server configuration."""
