"""Pipelines of transformers with a handful of random weights, and a tokenizer of twenty words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SPECIAL = {name: f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
WORDS = ["hello", "world", "good", "bad", "the", "a", "movie", "is", "great", "paris", "lives", "in", "who", "where"]
_BERT: dict[str, Any] = {
    "vocab_size": len(SPECIAL) + len(WORDS),
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
}
_WAV2VEC2: dict[str, Any] = {
    **_BERT,
    "conv_dim": (8, 8),
    "conv_stride": (5, 2),
    "conv_kernel": (10, 3),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "num_feat_extract_layers": 2,
    "pad_token_id": 0,
}
_ENTAILMENT = {0: "contradiction", 1: "neutral", 2: "entailment"}


def tokenizer() -> Any:
    words = [*SPECIAL.values(), *WORDS]
    made = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token=SPECIAL["unk"]))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(SPECIAL[name], words.index(SPECIAL[name])) for name in ("cls", "sep")]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=64, **{f"{name}_token": word for name, word in SPECIAL.items()}
    )


def bert(task: str, kind: str, **config: Any) -> Any:
    torch.manual_seed(0)
    model = getattr(transformers, kind)(transformers.BertConfig(**_BERT, **config)).eval()
    return transformers.pipeline(task, model=model, tokenizer=tokenizer(), device="cpu")


def gpt2() -> Any:
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=_BERT["vocab_size"], n_embd=8, n_layer=1, n_head=2, n_positions=64, bos_token_id=2, eos_token_id=3,
        pad_token_id=0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config).eval()


def text_generation() -> Any:
    return transformers.pipeline("text-generation", model=gpt2(), tokenizer=tokenizer(), device="cpu")


def images() -> Any:
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=4
    )
    return transformers.pipeline(
        "image-classification",
        model=transformers.ViTForImageClassification(config).eval(),
        image_processor=transformers.ViTImageProcessor(size={"height": 8, "width": 8}),
        device="cpu",
    )


def speech() -> Any:
    torch.manual_seed(0)
    return transformers.pipeline(
        "automatic-speech-recognition",
        model=transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(**_WAV2VEC2)).eval(),
        tokenizer=tokenizer(),
        feature_extractor=transformers.Wav2Vec2FeatureExtractor(),
        device="cpu",
    )


def sounds() -> Any:
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(**_WAV2VEC2, classifier_proj_size=4)
    return transformers.pipeline(
        "audio-classification",
        model=transformers.Wav2Vec2ForSequenceClassification(config).eval(),
        feature_extractor=transformers.Wav2Vec2FeatureExtractor(),
        device="cpu",
    )


PIPELINES: dict[str, Callable[[], Any]] = {
    "text-classification": lambda: bert("text-classification", "BertForSequenceClassification"),
    "token-classification": lambda: bert("token-classification", "BertForTokenClassification"),
    "fill-mask": lambda: bert("fill-mask", "BertForMaskedLM"),
    "feature-extraction": lambda: bert("feature-extraction", "BertModel"),
    "zero-shot-classification": lambda: bert(
        "zero-shot-classification",
        "BertForSequenceClassification",
        id2label=_ENTAILMENT,
        label2id={label: n for n, label in _ENTAILMENT.items()},
    ),
    "text-generation": text_generation,
    "image-classification": images,
    "audio-classification": sounds,
    "automatic-speech-recognition": speech,
}
"""By task; those that transformers 5 has no more are not among them."""
