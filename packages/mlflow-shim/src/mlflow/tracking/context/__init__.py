"""Where runs come from, as tags."""
