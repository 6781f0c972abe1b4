"""The version, in a file that setup.cfg can read without importing the package."""

__version__ = "0.2.0.dev0"
