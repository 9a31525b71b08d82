"""What an installation can ask of new model versions."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.blobs.opening import open_store
from mlkeep.core.errors import Forbidden, InvalidInput, NotFound, Unavailable
from mlkeep.core.proofs import TAG, Proof, digest_of_files, tag_on_run
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import Dispatcher
from mlkeep.services.rules import Rules, rules_from
from mlkeep.storage.sql.storage import SqlStorage
from mlkeep.wire.artifacts import RecordFiles, StoredFileMessage
from mlkeep.wire.logged_models import CreateLoggedModel, GetLoggedModel, SetLoggedModelTags
from mlkeep.wire.message import KeyValueInput
from mlkeep.wire.registry import CreateModelVersion, CreateRegisteredModel, SetVersionTag
from mlkeep.wire.runs import CreateRun, GetRun, SetTag

SIGNED = {"flavors": {}, "mlkeep_pickles": [], "signature": {"inputs": '[{"type": "long"}]', "outputs": None}}
DOORS = ("call", "call_async")


class Installation:
    """A database and artifacts with the rule that new versions are what `required` says."""

    def __init__(self, folder: Path, required: str) -> None:
        self.folder = folder
        self.opened: list[str] = []
        self.stands_for: dict[str, str] = {}  # folders instead of buckets
        settings = Settings(
            artifact_root=str(folder / "artifacts"), rules=rules_from({"MLKEEP_REQUIRE_OF_VERSIONS": required})
        )
        self.dispatcher = Dispatcher(SqlStorage(f"sqlite:///{folder / 'mlkeep.db'}"), settings, self.open)
        self.dispatcher.call(CreateRegisteredModel(name="m"))
        self.dispatcher.call(CreateRun(experiment_id="0", run_id="a" * 32))

    def open(self, uri: str) -> ArtifactStore:
        self.opened.append(uri)
        return open_store(self.stands_for.get(uri, uri))

    @property
    def run_uri(self) -> str:
        uri: str = self.dispatcher.call(GetRun(run_id="a" * 32)).run.info.artifact_uri  # type: ignore[attr-defined]  # the answer to GetRun
        return uri

    def model(self, mlmodel: object = SIGNED, *more: str, uri: str | None = None, records: bool = True) -> str:
        """Put the files of a model to a place, and give its digest."""
        files = {"MLmodel": yaml.safe_dump(mlmodel).encode(), **{name: name.encode() for name in more}}
        place = uri or f"{self.run_uri}/model"
        for name, content in files.items():
            path = Path(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        stored = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        if records:
            messages = [
                StoredFileMessage(path=name, size=len(files[name]), sha256=digest) for name, digest in stored.items()
            ]
            self.dispatcher.call(RecordFiles(uri=place, files=messages))
        return digest_of_files(stored.items())

    def register(
        self, door: str = "call", source: str = f"runs:/{'a' * 32}/model", run_id: str = "", model_id: str = ""
    ) -> None:
        request = CreateModelVersion(name="m", source=source, run_id=run_id, model_id=model_id)
        if door == "call":
            self.dispatcher.call(request)
        else:
            asyncio.run(self.dispatcher.call_async(request))


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[[str], Installation]]:
    made: list[Installation] = []

    def make(required: str) -> Installation:
        made.append(Installation(tmp_path, required))
        return made[-1]

    yield make
    for each in made:
        each.dispatcher.close()


def passed(digest: str, outcome: str = "passed") -> str:
    return Proof(outcome=outcome, at="2026-01-01T00:00:00Z", model=digest, reason="ValueError: no").text()


def test_the_rule_is_read_from_the_environment() -> None:
    assert rules_from({"MLKEEP_REQUIRE_OF_VERSIONS": " Signature, no-pickle,"}).required_of_versions == {
        *("signature", "no-pickle")
    }
    assert Rules().required_of_versions == frozenset()
    with pytest.raises(
        InvalidInput, match=r"'REQUIRE_OF_VERSIONS' supplied: it must list some of no-pickle, signature, verified\."
    ):
        rules_from({"MLKEEP_REQUIRE_OF_VERSIONS": "signed"})


def test_without_a_rule_nothing_is_read(install: Callable[[str], Installation]) -> None:
    here = install("")
    here.register()
    assert here.opened == []


@pytest.mark.parametrize("door", DOORS)
def test_a_model_with_a_pickle_is_refused(install: Callable[[str], Installation], door: str) -> None:
    here = install("no-pickle")
    here.model(SIGNED | {"mlkeep_pickles": ["data/model.bin"]}, "other.pkl")
    with pytest.raises(
        Forbidden, match=r"REQUIRE_OF_VERSIONS=no-pickle\): data/model.bin, other.pkl is a pickle.*skops"
    ):
        here.register(door)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("signature", [None, {"inputs": None, "outputs": "[]"}])
def test_a_model_without_a_signature_is_refused(
    install: Callable[[str], Installation], door: str, signature: object
) -> None:
    here = install("signature")
    here.model({"flavors": {}, "signature": signature})
    with pytest.raises(Forbidden, match=r"it has no signature: log the model with signature=infer_signature"):
        here.register(door)


def test_all_that_is_wrong_is_told_at_once(install: Callable[[str], Installation]) -> None:
    here = install("verified,signature,no-pickle")
    here.model({"flavors": {}}, "m.pkl")
    with pytest.raises(Forbidden) as caught:
        here.register()
    assert caught.value.message == (
        f"No version of 'm' is made of 'runs:/{'a' * 32}/model', because of what this installation asks of new versions "
        "(MLKEEP_REQUIRE_OF_VERSIONS=no-pickle,signature,verified): m.pkl is a pickle, which runs code when it is loaded: "
        "log the model in a safe format (serialization_format='skops' for scikit-learn, 'pt2' for PyTorch, the framework's "
        "own for others); it has no signature: log the model with signature=infer_signature(inputs, outputs) or an "
        f"input_example; there is no proof that it runs: run `mlkeep models verify runs:/{'a' * 32}/model` first."
    )


@pytest.mark.parametrize("door", DOORS)
def test_what_fits_becomes_a_version(install: Callable[[str], Installation], door: str) -> None:
    here = install("no-pickle,signature,verified")
    digest = here.model(SIGNED, "model.skops")
    here.dispatcher.call(SetTag(run_id="a" * 32, key=tag_on_run("model"), value=passed(digest)))
    here.register(door)
    here.register(door, source=f"{here.run_uri}/model", run_id="a" * 32)
    # A copy of a version counts on the proof of that version.
    here.dispatcher.call(SetTag(run_id="a" * 32, key=tag_on_run("model"), value="none any more"))
    with pytest.raises(Forbidden, match="there is no proof that it runs: run `mlkeep models verify models:/m/1` first"):
        here.register(door, source="models:/m/1")
    here.dispatcher.call(SetVersionTag(name="m", version="1", key=TAG, value=passed(digest)))
    here.register(door, source="models:/m/1")


def test_the_proof_of_a_logged_model_counts(install: Callable[[str], Installation]) -> None:
    here = install("verified")
    answer = here.dispatcher.call(CreateLoggedModel(experiment_id="0", name="n"))
    model_id = answer.model.info.model_id  # type: ignore[attr-defined]  # the answer to CreateLoggedModel
    place = here.dispatcher.call(GetLoggedModel(model_id=model_id)).model.info.artifact_uri  # type: ignore[attr-defined]  # likewise
    digest = here.model(uri=place)
    with pytest.raises(Forbidden, match=f"run `mlkeep models verify models:/{model_id}` first"):
        here.register(source=f"models:/{model_id}")
    with pytest.raises(Forbidden, match=f"run `mlkeep models verify models:/{model_id}` first"):
        here.register(source=place, model_id=model_id)
    here.dispatcher.call(SetLoggedModelTags(model_id=model_id, tags=[KeyValueInput(key=TAG, value=passed(digest))]))
    here.register(source=f"models:/{model_id}")


def test_the_run_is_named_to_be_verified_where_its_artifacts_are(install: Callable[[str], Installation]) -> None:
    here = install("verified")
    here.model()
    with pytest.raises(Forbidden, match=f"run `mlkeep models verify runs:/{'a' * 32}/model` first"):
        here.register(source=f"{here.run_uri}/model", run_id="a" * 32)


def test_what_is_in_no_run_cannot_be_verified(install: Callable[[str], Installation], tmp_path: Path) -> None:
    here = install("verified")
    here.stands_for["s3://bucket/model"] = str(tmp_path / "bucket")
    here.model(uri=str(tmp_path / "bucket"), records=False)
    with pytest.raises(Forbidden, match="no proof that it runs: log it in a run or as a logged model, and run"):
        here.register(source="s3://bucket/model")


def test_a_proof_must_fit_and_have_passed(install: Callable[[str], Installation]) -> None:
    here = install("verified")
    digest = here.model()

    def prove(text: str) -> None:
        here.dispatcher.call(SetTag(run_id="a" * 32, key=tag_on_run("model"), value=text))

    for text, why in (
        ("what", "there is no proof that it runs"),
        (passed("sha256:0"), "its files have changed since it was verified"),
        (passed(digest, "failed"), "it was verified and failed .ValueError: no.: correct that"),
    ):
        prove(text)
        with pytest.raises(Forbidden, match=why):
            here.register()
    prove(passed(digest))
    here.model(SIGNED, "new.txt", records=False)
    with pytest.raises(Forbidden, match=r"the digest of new.txt is not known, so no proof fits it"):
        here.register()


def test_a_few_lines_cannot_take_all_memory_of_the_server(install: Callable[[str], Installation]) -> None:
    here = install("no-pickle")
    here.model()
    laughs = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 40)]
    text = "\n".join(["a0: &a0 [x]", *laughs, "mlkeep_pickles: [*a39]", "flavors: {}"])
    (Path(here.run_uri) / "model" / "MLmodel").write_text(text)
    with pytest.raises(Forbidden, match="the MLmodel file is no YAML"):
        here.register()


def test_what_cannot_be_read_is_refused_with_the_reason(
    install: Callable[[str], Installation], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = install("signature")
    with pytest.raises(Forbidden, match=r"its files cannot be looked at: there is no MLmodel file\."):
        here.register()
    here.model([])
    with pytest.raises(Forbidden, match="the MLmodel file is no mapping"):
        here.register()
    (Path(here.run_uri) / "model" / "MLmodel").write_text("{")
    with pytest.raises(Forbidden, match="the MLmodel file is no YAML"):
        here.register()
    (Path(here.run_uri) / "model" / "MLmodel").write_text("[" * 100_000)
    with pytest.raises(Forbidden, match="the MLmodel file is no YAML"):
        here.register()
    (Path(here.run_uri) / "model" / "MLmodel").write_text("utc_time_created: 2026-13-45 00:00:00\n")
    with pytest.raises(Forbidden, match="the MLmodel file is no YAML"):
        here.register()
    (Path(here.run_uri) / "model" / "MLmodel").write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(Forbidden, match="the MLmodel file has 1048577 bytes, more than"):
        here.register()

    def broken(_: FolderStore, __: str) -> int:
        raise Unavailable("the bucket does not answer.")

    monkeypatch.setattr(FolderStore, "size", broken)
    with pytest.raises(Forbidden, match="looked at: the bucket does not answer"):
        here.register()


def test_other_mistakes_are_told_as_without_a_rule(install: Callable[[str], Installation]) -> None:
    here = install("signature")
    with pytest.raises(NotFound):
        here.register(source=f"runs:/{'b' * 32}/model")
    with pytest.raises(NotFound, match="nobody"):
        here.dispatcher.call(CreateModelVersion(name="nobody", source="s3://b/x"))
