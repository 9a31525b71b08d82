"""Artifacts in object stores: S3 by requests of our own, Google Cloud Storage and Azure through obstore."""
