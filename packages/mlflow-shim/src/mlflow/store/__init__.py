"""Where MLflow keeps the lists its client returns."""
