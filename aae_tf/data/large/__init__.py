"""Data that does not fit in memory: packed datasets and streams."""
