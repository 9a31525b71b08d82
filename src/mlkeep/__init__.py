"""mlkeep keeps runs, models and deployments."""
