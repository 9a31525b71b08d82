"""Values, names, limits, errors and the filter language: what mlkeep talks about, without any I/O."""
