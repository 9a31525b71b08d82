"""What a model version may be made of, and where its files then are."""

from __future__ import annotations

from tests.wire.exchange import Ours, Row, get, post

_HOSTS = ("http://h/x", "HTTP://h/x", "https://h/x", "ftp://h/x", "sftp://h/x", "hdfs://h/x", "viewfs://h/x", "r2://b/x", "b2://b/x", "abfss://c@a/x")  # fmt: skip
_ELSEWHERE = ("gs://b/x", "dbfs:/x", "wasbs://c@a/x", "strange:/x", "s3://b/x;p", "s3://b/x#f", "s3://b/x?a=..")
_NOBODYS = ("/etc/passwd", "relative/x", "file:///x", "mlflow-artifacts:/9/x", "mlflow-artifacts://h/9/x", "s3://b/../x", "s3://b/%2e%2e/x", "s3://b/%2f../x", "C:\\x", "models:/a/b/c")  # fmt: skip
_A_PLACE = Ours(200, "", "where the files are, which all clients can read, not runs:/...")
_INHERITED = Ours(200, "", "the source itself says of which run or model it is")


def _make(name: str, source: str, ours: Ours | None = None, **more: str) -> Row:
    return post(name, "model-versions/create", {"name": "made", "source": source, **more}, ours=ours)


def _place(name: str, version: int, ours: Ours | None) -> Row:
    return get(name, f"model-versions/get-download-uri?name=made&version={version}", ours=ours)


ROWS: tuple[Row, ...] = (
    post("make an experiment", "experiments/create", {"name": "sources"}, keep={"e": "experiment_id"}),
    post("make a run", "runs/create", {"experiment_id": "<e>"}, keep={"r": "run.info.run_id", "root": "run.info.artifact_uri"}),
    post("make a logged model", "logged-models", {"experiment_id": "<e>", "name": "m", "source_run_id": "<r>"}, keep={"m": "model.info.model_id", "files": "model.info.artifact_uri"}),
    post("make a model", "registered-models/create", {"name": "made"}),
    post("make a prompt", "registered-models/create", {"name": "prompt", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}),
    _make("1: elsewhere", "s3://b/x"),
    _make("2: elsewhere, of a run", "s3://b/x", run_id="nobody"),
    _make("3: of a run", "runs:/<r>/m", run_id="<r>"),
    _make("4: the artifacts of a run", "<root>/m", run_id="<r>"),
    _make("5: a logged model", "models:/<m>", model_id="<m>"),
    _make("6: the files of a logged model", "<files>", model_id="<m>"),
    _make("7: the files of a logged model and a run", "<files>", model_id="<m>", run_id="<r>"),
    _make("8: another version", "models:/made/3"),
    _make("9: another version, of the same run", "models:/made/4", run_id="<r>"),
    _make("10: a version of a logged model", "models:/made/5"),
    _make("11: the latest", "models:/made/latest"),
    post("an alias", "registered-models/alias", {"name": "made", "alias": "champion", "version": "1"}),
    _make("12: an alias", "models:/made@champion"),
    post("a stage", "model-versions/transition-stage", {"name": "made", "version": "2", "stage": "Staging"}),
    _make("13: a stage", "models:/made/Staging"),
    *(_place(f"the place of {version}", version, ours=_A_PLACE if version in {3, 8} else None) for version in range(1, 14)),
    get("the logged model knows", "logged-models/<m>"),
    *(_make(f"from {source}", source) for source in (*_HOSTS, *_NOBODYS)),
    *(_make(f"from {source}, of a run", source, run_id="<r>") for source in _NOBODYS),
    *(_make(f"from {source}, as it is", source) for source in _ELSEWHERE),
    _make("of another run", "runs:/<r>/m", run_id="nobody"),
    _make("of a run nobody named", "runs:/<r>/m", ours=_INHERITED),
    _make("of a run that is not there", "runs:/nobody/m", run_id="nobody", ours=Ours(404, "RESOURCE_DOES_NOT_EXIST", "its files could not be found")),
    _make("the artifacts of nobody", "<root>/m"),
    _make("the artifacts of another", "<root>/m", run_id="nobody"),
    _make("beside the artifacts", "<root>x/m", run_id="<r>"),
    _make("another model's", "<root>/m", run_id="<r>", model_id="<m>"),
    _make("a logged model nobody named", "models:/<m>", ours=_INHERITED),
    _make("another logged model", "models:/<m>", model_id="m-other"),
    _make("a version of another run", "models:/made/3", run_id="other"),
    _make("a version of another model", "models:/made/5", model_id="m-other"),
    _make("a version that is not there", "models:/made/99"),
    _make("a model that is not there", "models:/nobody/1"),
    _make("an alias that is not there", "models:/made@nobody"),
    _make("a stage nobody is in", "models:/made/Production", ours=Ours(400, "INVALID_PARAMETER_VALUE", "clients repeat a 500 for minutes")),
    _make("a prompt", "models:/prompt/1"),
    _make("a proxy's address", "http://h/api/2.0/mlflow-artifacts/artifacts/9/x", run_id="<r>"),
)  # fmt: skip
