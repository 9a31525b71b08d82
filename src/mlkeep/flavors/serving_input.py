"""Whether a model answers what a server would be sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlkeep.flavors.pyfunc import load_model
from mlkeep.models.scoring_input import read_scoring_input


def validate_serving_input(model_uri: str, serving_input: str | Mapping[str, Any]) -> Any:
    """What the model at `model_uri` answers to the body of a scoring request (JSON text, or what that says).

    Raises:
        NotFound: there is no model.
        BadRequest: it is no such body.
        InvalidInput: its data is not what the signature declares.
    """
    model = load_model(model_uri)
    data, params = read_scoring_input(
        serving_input, model.input_schema, from_type_hint=model.metadata.is_signature_from_type_hint
    )
    return model.predict(data, params=params)
