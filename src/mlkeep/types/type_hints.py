"""Type hints for the input of `predict`, under MLflow's names."""

from mlkeep.models.type_hints import TypeFromExample

__all__ = ["TypeFromExample"]
