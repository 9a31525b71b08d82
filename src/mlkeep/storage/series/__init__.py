"""The metric engine: points of series as columns, sealed into segments, read back, and put into the buckets of charts.

Nothing here knows of a database: `points` are the columns, `segment` their bytes, `buckets` and `sampling` what charts show.
"""
