"""Buckets that speak the protocol of Amazon S3, by requests of our own."""
