"""What can be set: option schemas read from signatures, and registries of named things."""
