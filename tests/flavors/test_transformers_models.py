"""Pipelines of transformers: in parts, as functions, and by reference to the hub.

All models are made here, with random weights; nothing is downloaded.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import wave
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from PIL import Image

import mlkeep
import mlkeep.pyfunc
import mlkeep.transformers
from mlkeep.core.errors import AlreadyExists, Damaged, InvalidInput, NotFound, NotInstalled, NotOffered
from mlkeep.flavors.loading import get_model_info
from mlkeep.flavors.transformers import answers
from mlkeep.models.mlmodel import Model
from mlkeep.models.signature import infer_signature
from mlkeep.sdk import config
from tests.flavors.tiny_pipelines import PIPELINES, bert, gpt2, tokenizer

TEXTS = ["hello world", "a movie is great"]
COMMIT = "0123456789012345678901234567890123456789"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and a cache of the hub of the test's own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def classifier() -> Any:
    return PIPELINES["text-classification"]()


@pytest.fixture
def tracking(environment: pytest.MonkeyPatch, no_database_stays_open: None, tmp_path: Path) -> None:
    (tmp_path / "tracking").mkdir()
    config.set_tracking_uri(f"sqlite:///{tmp_path}/tracking/mlkeep.db")


def in_cache_of_hub(folder: Path, pipeline: Any, name: str, card: str) -> None:
    """Put a pipeline into the cache, as if it had been downloaded from the hub."""
    repository = folder / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    pipeline.save_pretrained(snapshot)
    (snapshot / "README.md").write_text(card)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(COMMIT)


def test_a_folder_holds_weights_as_safetensors_and_each_component(classifier: Any, tmp_path: Path) -> None:
    mlkeep.transformers.save_model(classifier, tmp_path / "m")
    model = Model.load(tmp_path / "m")
    files = sorted(
        file.relative_to(tmp_path / "m").as_posix() for file in (tmp_path / "m").rglob("*") if file.is_file()
    )

    assert files == [
        "LICENSE.txt",
        "MLmodel",
        "components/tokenizer/tokenizer.json",
        "components/tokenizer/tokenizer_config.json",
        "conda.yaml",
        "model/config.json",
        "model/model.safetensors",
        "python_env.yaml",
        "requirements.txt",
    ]
    assert model.flavors["transformers"] == {
        "code": None,
        "components": ["tokenizer"],
        "instance_type": "TextClassificationPipeline",
        "model_binary": "model",
        "pipeline_model_type": "BertForSequenceClassification",
        "source_model_name": "",
        "task": "text-classification",
        "tokenizer_type": type(classifier.tokenizer).__name__,
        "torch_dtype": "torch.float32",
        "transformers_version": transformers.__version__,
    }
    assert model.other["mlkeep_pickles"] == []
    lines = (tmp_path / "m/requirements.txt").read_text().splitlines()
    assert {f"transformers=={transformers.__version__}", f"torch=={torch.__version__.partition('+')[0]}"} <= set(lines)
    assert mlkeep.transformers.get_default_pip_requirements(classifier.model)[0] in lines
    assert mlkeep.transformers.get_default_conda_env(classifier.model)["name"] == "mlflow-env"


def test_a_pipeline_comes_back_whole_or_in_parts(classifier: Any, tmp_path: Path) -> None:
    mlkeep.transformers.save_model(classifier, tmp_path / "m")
    loaded = mlkeep.transformers.load_model(tmp_path / "m", device=-1)
    parts = mlkeep.transformers.load_model(tmp_path / "m", return_type="components", device="cpu")

    assert type(loaded) is type(classifier)
    assert loaded(TEXTS) == classifier(TEXTS)
    assert list(parts) == ["task", "dtype", "model", "tokenizer"]
    assert (parts["task"], parts["dtype"]) == ("text-classification", torch.float32)
    # What came out goes in again.
    mlkeep.transformers.save_model(parts, tmp_path / "again")
    assert mlkeep.transformers.load_model(tmp_path / "again")(TEXTS) == classifier(TEXTS)


def test_components_make_a_pipeline_for_a_task(classifier: Any, tmp_path: Path) -> None:
    parts = {"model": classifier.model, "tokenizer": classifier.tokenizer}
    mlkeep.transformers.save_model(parts, tmp_path / "m", task="sentiment-analysis")
    assert Model.load(tmp_path / "m").flavors["transformers"]["task"] == "text-classification"
    assert mlkeep.transformers.load_model(tmp_path / "m")(TEXTS) == classifier(TEXTS)


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "bin"])
def test_a_checkpoint_is_taken_by_its_path(safe: bool, classifier: Any, tmp_path: Path) -> None:
    classifier.save_pretrained(tmp_path / "checkpoint")
    (tmp_path / "checkpoint/LICENSE").write_text("Do as you like.")
    if not safe:
        (tmp_path / "checkpoint/model.safetensors").unlink()
        torch.save(classifier.model.state_dict(), tmp_path / "checkpoint/pytorch_model.bin")
    mlkeep.transformers.save_model(
        str(tmp_path / "checkpoint"), tmp_path / "m", task="text-classification", input_example=TEXTS
    )

    assert mlkeep.transformers.load_model(tmp_path / "m")(TEXTS) == classifier(TEXTS)
    assert [file.name for file in (tmp_path / "m/model").iterdir() if "model." in file.name] == ["model.safetensors"]
    assert (tmp_path / "m/LICENSE.txt").read_text() == "Do as you like."
    assert Model.load(tmp_path / "m").flavors["transformers"]["components"] == ["tokenizer"]


def test_weights_come_back_in_the_type_that_was_asked_for(classifier: Any, tmp_path: Path) -> None:
    mlkeep.transformers.save_model(classifier, tmp_path / "m", torch_dtype=torch.float16)
    assert mlkeep.transformers.load_model(tmp_path / "m").model.dtype is torch.float16
    assert mlkeep.transformers.load_model(tmp_path / "m", torch_dtype="float32").model.dtype is torch.float32


@pytest.mark.parametrize(
    ("task", "inputs", "outputs"),
    [
        ("text-classification", "[string (required)]", "['label': string (required), 'score': double (required)]"),
        ("token-classification", "[string (required)]", "[string (required)]"),
        ("text-generation", "[string (required)]", "[string (required)]"),
        ("feature-extraction", "[string (required)]", "['double': Tensor('float64', (-1,))]"),
        ("automatic-speech-recognition", "[binary (required)]", "[string (required)]"),
        (
            "zero-shot-classification",
            "['sequences': string (required), 'candidate_labels': string (required), 'hypothesis_template': string (optional)]",
            "['sequence': string (required), 'labels': string (required), 'scores': double (required)]",
        ),
    ],
)
def test_without_an_example_the_signature_is_that_of_the_task(
    task: str, inputs: str, outputs: str, tmp_path: Path
) -> None:
    mlkeep.transformers.save_model(PIPELINES[task](), tmp_path / "m")
    signature = Model.load(tmp_path / "m").signature
    assert signature is not None
    assert (str(signature.inputs), str(signature.outputs)) == (inputs, outputs)


def test_with_an_example_the_signature_is_inferred_and_false_is_none(classifier: Any, tmp_path: Path) -> None:
    mlkeep.transformers.save_model(classifier, tmp_path / "m", input_example=TEXTS)
    model = Model.load(tmp_path / "m")
    assert str(model.get_input_schema()) == "[string (required)]"
    assert str(model.get_output_schema()) == "['label': string (required), 'score': double (required)]"
    assert model.load_input_example(tmp_path / "m") == TEXTS
    mlkeep.transformers.save_model(classifier, tmp_path / "n", signature=False)
    assert Model.load(tmp_path / "n").signature is None


def function(task: str, folder: Path, **given: Any) -> Any:
    """A pipeline for the task, saved and loaded as a function."""
    mlkeep.transformers.save_model(PIPELINES[task](), folder / "m", **given)
    return mlkeep.pyfunc.load_model(folder / "m")


def test_text_classification_answers_a_frame(classifier: Any, tmp_path: Path) -> None:
    model = function("text-classification", tmp_path)
    expected = pd.DataFrame(classifier(TEXTS))
    pd.testing.assert_frame_equal(model.predict(TEXTS), expected)
    pd.testing.assert_frame_equal(model.predict(pd.DataFrame({"text": TEXTS})), expected)
    pd.testing.assert_frame_equal(model.predict(np.array(TEXTS, dtype=object)), expected)
    pd.testing.assert_frame_equal(model.predict(TEXTS[0]), expected[:1])


def test_text_classification_of_pairs(classifier: Any, tmp_path: Path) -> None:
    model = function("text-classification", tmp_path, signature=False)
    pairs = [{"text": "hello", "text_pair": "world"}, {"text": "a", "text_pair": "movie"}]
    pd.testing.assert_frame_equal(model.predict(pairs), pd.DataFrame(classifier(pairs)))
    pd.testing.assert_frame_equal(model.predict(pd.DataFrame(pairs)), pd.DataFrame(classifier(pairs)))


def test_several_labels_for_each_text(classifier: Any, tmp_path: Path) -> None:
    model = function("text-classification", tmp_path, model_config={"top_k": 2})
    assert model.predict(TEXTS).to_dict("list") == {
        n: [found[n] for found in classifier(TEXTS, top_k=2)] for n in (0, 1)
    }


def test_token_classification_answers_the_labels_of_each_text(tmp_path: Path) -> None:
    model = function("token-classification", tmp_path)
    assert [answer.count("LABEL_") for answer in model.predict(TEXTS)] == [2, 4]
    assert [answer.count(",") for answer in model.predict("hello world")] == [1]


def test_fill_mask_answers_the_likeliest_word(tmp_path: Path) -> None:
    pipeline, model = PIPELINES["fill-mask"](), function("fill-mask", tmp_path)
    texts = ["hello [MASK] world", "a [MASK]"]
    best = [pipeline(text)[0]["token_str"] for text in texts]
    assert model.predict(texts) == best
    assert model.predict(texts[0]) == best[:1]
    assert len(model.predict("[MASK] hello [MASK]")[0].split(",")) == 2


def test_zero_shot_answers_a_row_for_each_label(tmp_path: Path) -> None:
    pipeline, model = PIPELINES["zero-shot-classification"](), function("zero-shot-classification", tmp_path)
    labels = ["good", "bad"]
    expected = pipeline(TEXTS, candidate_labels=labels)
    rows = pd.DataFrame(
        [
            (one["sequence"], label, score)
            for one in expected
            for label, score in zip(one["labels"], one["scores"], strict=True)
        ],
        columns=["sequence", "labels", "scores"],
    )
    for given in (labels, "good, bad", json.dumps(labels)):
        frame = pd.DataFrame({"sequences": TEXTS, "candidate_labels": [given] * 2})
        # Of both at once the scores differ in the last digits.
        pd.testing.assert_frame_equal(model.predict(frame), rows, atol=1e-5)
    one = {"sequences": TEXTS[0], "candidate_labels": "good,bad", "hypothesis_template": "this is {}"}
    assert model.predict(one)["sequence"].tolist() == [TEXTS[0]] * 2


def test_text_generation_answers_texts_and_takes_parameters(tmp_path: Path) -> None:
    params = {"max_new_tokens": 3, "do_sample": False}
    pipeline = PIPELINES["text-generation"]()
    model = function("text-generation", tmp_path, signature=infer_signature("hello", "world", params))
    expected = [answer[0]["generated_text"] for answer in pipeline(TEXTS, **params)]
    assert model.predict(TEXTS) == expected
    assert model.predict(TEXTS[0]) == expected[:1]
    longer = pipeline(TEXTS[0], max_new_tokens=6, do_sample=False)[0]["generated_text"]
    assert model.predict(TEXTS[0], {"max_new_tokens": 6}) == [longer]
    with pytest.raises(InvalidInput, match=r"refused .*'max_new_tokens': -5"):
        model.predict(TEXTS[0], {"max_new_tokens": -5})


def test_parameters_replace_the_configuration(tmp_path: Path) -> None:
    model = function(
        "text-classification",
        tmp_path,
        model_config={"top_k": 1},
        signature=infer_signature("hello", params={"top_k": 2}),
    )
    assert list(model.predict("hello").columns) == [0, 1]
    assert model.model_config == {"top_k": 1}


def test_a_parameter_that_the_pipeline_has_not_is_refused(tmp_path: Path) -> None:
    model = function("text-classification", tmp_path, signature=infer_signature("hello", params={"top": 2}))
    with pytest.raises(InvalidInput, match=r"params \['top'\]: the pipeline for text-classification has none .*top_k"):
        model.predict("hello")


def test_a_conversation_is_answered_with_its_last_message(tmp_path: Path) -> None:
    words = tokenizer()
    words.chat_template = "{% for message in messages %}{{ message.content }} {% endfor %}"
    mlkeep.transformers.save_model(
        {"model": gpt2(), "tokenizer": words},
        tmp_path / "m",
        task="text-generation",
        signature=False,
        model_config={"max_new_tokens": 3, "do_sample": False},
    )
    [answer] = mlkeep.pyfunc.load_model(tmp_path / "m").predict([{"role": "user", "content": "hello world"}])
    assert isinstance(answer, str)
    assert "hello world" not in answer


def test_a_prompt_template_is_put_around_each_text(tmp_path: Path) -> None:
    pipeline = PIPELINES["text-generation"]()
    greedy = {"max_new_tokens": 3, "do_sample": False}
    model = function("text-generation", tmp_path, prompt_template="who is {prompt}", model_config=greedy)
    expected = pipeline("who is hello", return_full_text=False, **greedy)[0]["generated_text"]
    assert model.predict("hello") == [expected]
    assert model.metadata.metadata == {"prompt_template": "who is {prompt}"}
    assert model.model_config == {"return_full_text": False, **greedy}


def test_feature_extraction_answers_arrays(tmp_path: Path) -> None:
    pipeline, model = PIPELINES["feature-extraction"](), function("feature-extraction", tmp_path)
    assert np.allclose(model.predict("hello world"), pipeline("hello world")[0])
    assert [features.shape for features in model.predict(TEXTS)] == [(4, 8), (6, 8)]


def test_images_are_given_as_paths_bytes_base64_or_arrays(tmp_path: Path) -> None:
    pipeline, model = PIPELINES["image-classification"](), function("image-classification", tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype="uint8")
    Image.fromarray(pixels).save(tmp_path / "x.png")
    raw = (tmp_path / "x.png").read_bytes()
    expected = pd.DataFrame([pipeline(str(tmp_path / "x.png"))])
    for given in (str(tmp_path / "x.png"), raw, base64.b64encode(raw).decode(), pd.DataFrame({"image": [raw]})):
        pd.testing.assert_frame_equal(model.predict(given), expected)
    assert len(model.predict([str(tmp_path / "x.png")] * 2)) == 2
    with pytest.raises(InvalidInput, match="no image that PIL can read"):
        model.predict(b"not an image")
    mlkeep.transformers.save_model(pipeline, tmp_path / "free", signature=False)
    pd.testing.assert_frame_equal(mlkeep.pyfunc.load_model(tmp_path / "free").predict([pixels]), expected)


def wav(samples: Any) -> bytes:
    """A WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes((samples * 32768).astype("int16").tobytes())
    return file.getvalue()


def test_sounds_are_given_as_wav_files_or_samples(tmp_path: Path) -> None:
    pipeline, model = PIPELINES["automatic-speech-recognition"](), function("automatic-speech-recognition", tmp_path)
    samples = (np.random.default_rng(0).integers(-9000, 9000, 400) / 32768).astype("float32")
    expected = [pipeline(samples)["text"]]
    content = wav(samples)
    (tmp_path / "x.wav").write_bytes(content)
    assert model.predict(content) == expected
    assert model.predict(pd.DataFrame({"audio": [content, content]})) == expected * 2
    mlkeep.transformers.save_model(pipeline, tmp_path / "free", signature=False)
    free = mlkeep.pyfunc.load_model(tmp_path / "free")
    for given in (
        str(tmp_path / "x.wav"),
        base64.b64encode(content).decode(),
        [samples],
        {"raw": samples, "sampling_rate": 16000},
    ):
        assert free.predict(given) == expected
    for wrong in (3, "no file!"):
        with pytest.raises(InvalidInput, match="sound"):
            free.predict(wrong)


def test_audio_classification_answers_a_frame(tmp_path: Path) -> None:
    model = function("audio-classification", tmp_path)
    answer = model.predict(wav(np.zeros(400)))
    assert [sorted(cell) for cell in answer.iloc[0]] == [["label", "score"]] * 2


def test_answers_of_tasks_that_newer_transformers_have_no_more() -> None:
    assert answers.texts([{"summary_text": "short"}, {"translation_text": "court"}]) == ["short", "court"]
    assert answers.answered([{"answer": "paris"}, [{"answer": "rome"}, {"answer": "oslo"}]]) == ["paris", "rome"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"text": "hello"}, "a pipeline for fill-mask takes texts, not dict"),
        ([3], "takes texts, not int"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), r"takes one column, and the frame has \['a', 'b'\]"),
    ],
)
def test_data_that_is_no_text_is_refused(given: Any, told: str, tmp_path: Path) -> None:
    model = function("fill-mask", tmp_path, signature=False)
    with pytest.raises(InvalidInput, match=f"(?i){told}"):
        model.predict(given)


def test_a_record_without_a_key_is_refused(tmp_path: Path) -> None:
    model = function("zero-shot-classification", tmp_path, signature=False)
    with pytest.raises(InvalidInput, match=r"\['candidate_labels'\] missing in \['sequences'\]"):
        model.predict({"sequences": "hello"})
    with pytest.raises(InvalidInput, match="takes a frame, a dict or a list of dicts, not str"):
        model.predict("hello")


def parts(**others: Any) -> dict[str, Any]:
    found = bert("text-classification", "BertForSequenceClassification")
    return {"model": found.model, "tokenizer": found.tokenizer, **others}


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        (lambda: 3, {}, "expected a pipeline, a dict of components .*; found int"),
        (parts, {}, "task: components do not say what they are for"),
        (parts, {"task": "frobnicate"}, r"task: transformers \S+ has no 'frobnicate'"),
        (lambda: {"tokenizer": tokenizer()}, {"task": "text-classification"}, "has no 'model'"),
        (lambda: {**parts(), "tokenizer": None}, {"task": "text-classification"}, "tokenizer"),
        (lambda: parts(frob=1), {"task": "fill-mask"}, r"unknown components \['frob'\]; there are \['feature_extr"),
        (lambda: {"model": object()}, {"task": "fill-mask"}, "'model' is a object, not a model of PyTorch"),
        (lambda: "no/such/folder", {"task": "fill-mask"}, "no folder with a checkpoint"),
        (PIPELINES["fill-mask"], {"task": "text-generation"}, "the pipeline is one for 'fill-mask': leave it out"),
        (PIPELINES["fill-mask"], {"prompt_template": "hello"}, r"one \{prompt\}, such as"),
        (PIPELINES["fill-mask"], {"prompt_template": "{prompt} {other}"}, r"one \{prompt\}, such as"),
        (PIPELINES["token-classification"], {"prompt_template": "{prompt}"}, "not for 'token-classification'"),
        (PIPELINES["fill-mask"], {"torch_dtype": "torch.float7"}, "'torch.float7' is no type of torch"),
        (PIPELINES["fill-mask"], {"model_card": "text"}, "expected a huggingface_hub.ModelCard, found str"),
        (PIPELINES["fill-mask"], {"base_model_path": "x"}, "the base of an adapter of PEFT, and this model has none"),
        (PIPELINES["fill-mask"], {"frob": 1}, "frob: unknown arguments"),
    ],
)
def test_what_makes_no_pipeline_is_refused(given: Any, options: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=told):
        mlkeep.transformers.save_model(given(), tmp_path / "m", **options)
    assert not (tmp_path / "m").exists()


def test_a_pipeline_of_another_framework_is_refused(classifier: Any, tmp_path: Path) -> None:
    classifier.model = object()
    with pytest.raises(InvalidInput, match="not of PyTorch"):
        mlkeep.transformers.save_model(classifier, tmp_path / "m")


def test_what_only_mlflow_has_says_so(classifier: Any, tmp_path: Path) -> None:
    mlkeep.transformers.save_model(classifier, tmp_path / "m")
    model = Model.load(tmp_path / "m")
    model.flavors["transformers"]["inference_task"] = "llm/v1/chat"
    model.save(tmp_path / "m/MLmodel")
    with pytest.raises(NotOffered, match="llm/v1/chat"):
        mlkeep.pyfunc.load_model(tmp_path / "m")
    with pytest.raises(NotOffered, match="llm/v1/chat"):
        mlkeep.transformers.save_model(classifier, tmp_path / "n", task="llm/v1/chat")
    with pytest.raises(NotOffered, match="prompts"):
        mlkeep.transformers.log_model(classifier, name="m", prompts=["greeting"])
    with pytest.raises(AlreadyExists):
        mlkeep.transformers.save_model(classifier, tmp_path / "m")
    with pytest.raises(InvalidInput, match="return_type: 'parts' is unknown"):
        mlkeep.transformers.load_model(tmp_path / "m", return_type="parts")


def changed(folder: Path, **settings: Any) -> None:
    """Change what MLmodel says of the flavor."""
    model = Model.load(folder)
    model.flavors["transformers"] |= settings
    model.save(folder / "MLmodel")


def test_a_folder_that_cannot_be_read_says_why(classifier: Any, tmp_path: Path) -> None:
    mlkeep.transformers.save_model(classifier, tmp_path / "m")
    weights = tmp_path / "m/model/model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:500])
    with pytest.raises(Damaged, match="model"):
        mlkeep.transformers.load_model(tmp_path / "m")
    weights.write_bytes(whole)
    changed(tmp_path / "m", pipeline_model_type="BertForNothing")
    with pytest.raises(InvalidInput, match="has no class 'BertForNothing'"):
        mlkeep.transformers.load_model(tmp_path / "m")
    changed(tmp_path / "m", pipeline_model_type="BertForSequenceClassification", peft_adaptor="peft")
    if not transformers.utils.is_peft_available():
        with pytest.raises(NotInstalled, match="pip install peft"):
            mlkeep.transformers.load_model(tmp_path / "m")
    changed(tmp_path / "m", peft_adaptor=None, model_binary=None, local_base_model_path="/nowhere")
    with pytest.raises(NotFound, match="'/nowhere' and is not: give its folder here as base_model_path"):
        mlkeep.transformers.load_model(tmp_path / "m")
    loaded = mlkeep.transformers.load_model(tmp_path / "m", base_model_path=str(tmp_path / "m/model"))
    assert loaded(TEXTS) == classifier(TEXTS)


def test_a_model_that_is_not_of_the_hub_is_saved_whole_after_all(
    classifier: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        mlkeep.transformers.save_model(classifier, tmp_path / "m", save_pretrained=False)
    assert "its weights are saved after all" in caplog.text
    assert (tmp_path / "m/model/model.safetensors").is_file()


def of_hub(classifier: Any, tmp_path: Path) -> Any:
    """A pipeline that was loaded from the hub."""
    in_cache_of_hub(tmp_path, classifier, "org/tiny", "---\nlicense: mit\n---\n# Tiny\n")
    return transformers.pipeline("text-classification", model="org/tiny", device="cpu")


def test_a_model_of_the_hub_can_be_kept_by_name_and_commit(classifier: Any, tmp_path: Path) -> None:
    mlkeep.transformers.save_model(of_hub(classifier, tmp_path), tmp_path / "m", save_pretrained=False)
    conf = Model.load(tmp_path / "m").flavors["transformers"]

    assert not (tmp_path / "m/model").exists()
    assert not (tmp_path / "m/components").exists()
    assert {name: conf.get(name) for name in conf if name.startswith(("source", "tokenizer", "model_b"))} == {
        "source_model_name": "org/tiny",
        "source_model_revision": COMMIT,
        "tokenizer_name": "org/tiny",
        "tokenizer_revision": COMMIT,
        "tokenizer_type": type(classifier.tokenizer).__name__,
    }
    assert mlkeep.transformers.load_model(tmp_path / "m")(TEXTS) == classifier(TEXTS)
    assert (tmp_path / "m/model_card.md").read_text().endswith("# Tiny\n")
    assert (tmp_path / "m/model_card_data.yaml").read_text() == "license: mit\n"
    assert (tmp_path / "m/LICENSE.txt").read_text() == "The model's card names the licence mit.\n"

    changed(tmp_path / "m", source_model_name="org/absent")
    with pytest.raises(NotFound, match=r"'org/absent' \(revision 0123.*persist_pretrained_model"):
        mlkeep.transformers.load_model(tmp_path / "m")


@pytest.mark.usefixtures("tracking")
@pytest.mark.parametrize("where", ["folder", "run", "logged model"])
def test_weights_can_be_put_into_it_later(where: str, classifier: Any, tmp_path: Path) -> None:
    pipeline = of_hub(classifier, tmp_path)
    if where == "folder":
        uri = str(tmp_path / "m")
        mlkeep.transformers.save_model(pipeline, uri, save_pretrained=False)
    else:
        named: dict[str, Any] = {"artifact_path": "m"} if where == "run" else {"name": "m"}
        with mlkeep.start_run():
            uri = mlkeep.transformers.log_model(pipeline, save_pretrained=False, **named).model_uri
    assert mlkeep.transformers.load_model(uri)(TEXTS) == classifier(TEXTS)
    mlkeep.transformers.persist_pretrained_model(uri)
    mlkeep.transformers.persist_pretrained_model(uri)

    (tmp_path / "hub").rename(tmp_path / "gone")
    assert mlkeep.transformers.load_model(uri)(TEXTS) == classifier(TEXTS)
    conf = get_model_info(uri).flavors["transformers"]
    assert conf["model_binary"] == "model"
    assert {"source_model_revision", "tokenizer_name", "tokenizer_revision"}.isdisjoint(conf)


@pytest.mark.parametrize("told", [True, False], ids=["beside a card", "alone"])
def test_weights_that_came_later_are_files_of_the_model_like_others(
    told: bool, classifier: Any, tmp_path: Path
) -> None:
    mlkeep.transformers.save_model(of_hub(classifier, tmp_path), tmp_path / "m", save_pretrained=False)
    if not told:
        model = Model.load(tmp_path / "m")
        del model.other["mlkeep_files"]
        model.save(tmp_path / "m/MLmodel")
    mlkeep.transformers.persist_pretrained_model(tmp_path / "m")
    mlkeep.transformers.save_model(classifier, tmp_path / "whole")

    later, whole = (Model.load(tmp_path / folder).other for folder in ("m", "whole"))
    cards = {"LICENSE.txt", "model_card.md", "model_card_data.yaml"}
    assert later["mlkeep_files"].keys() - cards == whole["mlkeep_files"].keys() - cards
    assert (cards <= later["mlkeep_files"].keys()) is told
    assert later["mlkeep_pickles"] == []
    weights = tmp_path / "m/model/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(Damaged, match=r"'model/model\.safetensors' in .* is not what was saved"):
        mlkeep.transformers.load_model(tmp_path / "m")


def test_a_card_can_be_given(classifier: Any, tmp_path: Path) -> None:
    card = huggingface_hub.ModelCard("---\nlicense: apache-2.0\ntags: [tiny]\n---\n# Mine\n")
    mlkeep.transformers.save_model(classifier, tmp_path / "m", model_card=card)
    assert (tmp_path / "m/model_card.md").read_text() == card.content
    assert "tags:\n- tiny" in (tmp_path / "m/model_card_data.yaml").read_text()


@pytest.mark.skipif(not transformers.utils.is_peft_available(), reason="PEFT is not installed")
def test_an_adapter_is_kept_beside_its_base_or_without_it(tmp_path: Path) -> None:
    import peft

    base = PIPELINES["text-generation"]()
    base.model.save_pretrained(tmp_path / "base")
    adapted = peft.get_peft_model(
        transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "base"), peft.LoraConfig(task_type="CAUSAL_LM", r=2)
    )
    given = {"model": adapted, "tokenizer": base.tokenizer}
    mlkeep.transformers.save_model(given, tmp_path / "whole", task="text-generation")
    mlkeep.transformers.save_model(
        given, tmp_path / "alone", task="text-generation", base_model_path=str(tmp_path / "base")
    )

    assert (tmp_path / "whole/model/model.safetensors").is_file()
    assert not (tmp_path / "alone/model").exists()
    for folder in ("whole", "alone"):
        loaded = mlkeep.transformers.load_model(tmp_path / folder)
        assert type(loaded.model) is type(adapted)
    (tmp_path / "base").rename(tmp_path / "moved")
    loaded = mlkeep.transformers.load_model(tmp_path / "alone", base_model_path=str(tmp_path / "moved"))
    assert type(loaded.model) is type(adapted)


@pytest.mark.usefixtures("tracking")
def test_pipelines_are_logged_and_registered(classifier: Any) -> None:
    with mlkeep.start_run() as run:
        mlkeep.transformers.log_model(classifier, "classifier", input_example=TEXTS)
        mlkeep.transformers.log_model(classifier, name="named", registered_model_name="texts")
    for uri in (f"runs:/{run.info.run_id}/classifier", "models:/texts/1"):
        pd.testing.assert_frame_equal(
            mlkeep.pyfunc.load_model(uri).predict(TEXTS), pd.DataFrame(classifier(TEXTS)), atol=1e-6
        )
