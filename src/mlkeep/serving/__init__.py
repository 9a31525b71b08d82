"""The model server: one model behind MLflow's scoring protocol."""
