"""What strangers may send, made by a seed: files, folders, arrays, tables, requests; and what must come of each."""

from hostile_inputs import arrays, image_files, image_folders, table_files
from hostile_inputs.case import KINDS, Case, Kind

__all__ = ["KINDS", "Case", "Kind", "arrays", "image_files", "image_folders", "table_files"]
