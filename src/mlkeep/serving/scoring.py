"""One model behind the scoring protocol: a body in, a body out, whatever carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mlkeep.core.errors import BadRequest, MlkeepException
from mlkeep.serving.body import (
    LLM_KEYS,
    ContentType,
    content_type_of,
    format_of,
    json_object,
    text_of,
)
from mlkeep.serving.encode import encode
from mlkeep.serving.files import parquet_frame
from mlkeep.serving.readers import reader_for
from mlkeep.serving.tables import table_of_records, table_of_split

if TYPE_CHECKING:
    from mlkeep.flavors.pyfunc import PyFuncModel


class ModelFailed(BadRequest):
    """The model raised something that is no error of mlkeep's; `__cause__` is what."""


class Call(NamedTuple):
    """What a request asks of the model."""

    data: object
    params: Any = None
    is_wrapped: bool = True
    """Whether the answer is `{"predictions": ...}`; requests in the style of language models get the bare answer."""


class ScoredModel:
    """A loaded model that answers bodies of /invocations. Safe to call from several threads if the model is."""

    def __init__(self, model: PyFuncModel) -> None:
        signature = model.metadata.signature
        self._model = model
        self._reader = reader_for(None if signature is None else signature.inputs)
        self._is_from_type_hint = model.metadata.is_signature_from_type_hint
        self._param_names = {spec.name for spec in signature.params.params} if signature and signature.params else set()

    def answer(self, body: bytes, content_type: str | None) -> bytes:
        """The JSON with the model's predictions for `body`.

        Raises:
            UnsupportedContentType: bodies of this type are not read here.
            BadRequest: the body cannot be read.
            ModelFailed: the model raised on it.
            InvalidInput: the body does not fit the model's signature.
            InternalError: there is no JSON for what the model answered.
        """
        call = self.read(body, content_type)
        return encode(self._predict(call), wrapped=call.is_wrapped)

    def read(self, body: bytes, content_type: str | None) -> Call:
        """`body` as arguments of `predict`; raises as `answer` does."""
        kind = content_type_of(content_type)
        if kind is ContentType.JSON:
            return self._read_json(json_object(body))
        if self._is_from_type_hint:
            raise _needs_inputs(kind.value)
        return Call(self._reader.csv(text_of(body)) if kind is ContentType.CSV else parquet_frame(body))

    def _read_json(self, fields: dict[str, Any]) -> Call:
        if any(key in fields for key in LLM_KEYS):
            own = {name: value for name, value in fields.items() if name in self._param_names}
            data = {name: value for name, value in fields.items() if name not in self._param_names}
            return Call(data, own or None, is_wrapped=False)
        name = format_of(fields)
        value, params = fields[name], fields.get("params")
        if self._is_from_type_hint:
            if name != "inputs":
                raise _needs_inputs(name)
            return Call(value, params)
        if name == "inputs":
            return Call(self._reader.inputs(value), params)
        if name == "instances":
            return Call(self._reader.instances(value), params)
        table = table_of_split(value) if name == "dataframe_split" else table_of_records(value)
        return Call(self._reader.table(table), params)

    def _predict(self, call: Call) -> object:
        try:
            return self._model.predict(call.data, params=call.params)
        except MlkeepException:
            raise
        except Exception as error:  # the model is a plugin: what it raises is the answer to this request only
            raise ModelFailed(
                "Encountered an unexpected error while evaluating the model. Verify that the input is compatible "
                f"with the model for inference. Error: {type(error).__name__}: {error}"
            ) from error


def _needs_inputs(given: str) -> BadRequest:
    return BadRequest(
        "Invalid input. The signature of this model comes from the type hints of its predict function, so its input "
        f"must be sent as JSON in the field 'inputs'. Got '{given}'."
    )
