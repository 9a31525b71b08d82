"""What a model can know of the request it answers, under MLflow's names."""

from mlkeep.flavors.prediction_context import Context, get_prediction_context, set_prediction_context

__all__ = ["Context", "get_prediction_context", "set_prediction_context"]
