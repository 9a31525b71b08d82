"""MLflow's REST protocol: endpoints, messages, JSON rules and error codes. Nothing else in mlkeep knows any of these."""
