"""The models that the paper is compared with."""
