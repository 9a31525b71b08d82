"""Where MLflow keeps what integrations import but users do not."""
