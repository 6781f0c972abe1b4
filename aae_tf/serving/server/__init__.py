"""The built-in server: TensorFlow Serving's REST interface on Starlette, to try an export out on this machine."""
