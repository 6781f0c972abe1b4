"""Runs: from a recipe and data to a trained model in a run directory, and comparisons of several runs."""
