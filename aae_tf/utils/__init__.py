"""Stateless random numbers, images as arrays, and files that are written atomically."""
