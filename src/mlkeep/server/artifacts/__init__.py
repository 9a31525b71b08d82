"""Artifacts over HTTP: MLflow's proxy and the routes of its user interface, and mlkeep's own ways of moving files."""
