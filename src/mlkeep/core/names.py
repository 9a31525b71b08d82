"""What may be called what: keys, names and aliases, and the names mlkeep makes up."""

from __future__ import annotations

import json
import posixpath
import random
import re

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput

_KEY = re.compile(r"[/\w.\- :]*")
_SIMPLE_KEY = re.compile(r"[A-Za-z0-9_]+(?:[-.:][A-Za-z0-9_]+)*", re.ASCII)
_ALIAS = re.compile(r"[\w-]+")
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)


def invalid(field: str, value: object, expected: str) -> InvalidInput:
    """The error for a `value` that `field` cannot take; `expected` is a sentence."""
    shown = json.dumps(value, default=str, ensure_ascii=False)
    if len(shown) > 200:
        shown = f"{shown[:197]}..."
    return InvalidInput(f"Invalid value {shown} for parameter '{field}' supplied: {expected}")


def check_key(key: str, field: str) -> str:
    """`key` as the key of a metric, param or tag; `field` names it in errors.

    Raises:
        InvalidInput: empty, over 250 characters, a character outside the set, or not in normal path form.
    """
    if len(key) > limits.MAX_KEY_LENGTH:
        raise invalid(field, key, f"it has {len(key)} characters, the limit is {limits.MAX_KEY_LENGTH}.")
    if _SIMPLE_KEY.fullmatch(key):
        return key
    if not key:
        raise InvalidInput(f"Missing value for required parameter '{field}'.")
    if not _KEY.fullmatch(key):
        raise invalid(
            field,
            key,
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) "
            "and slashes (/).",
        )
    if posixpath.normpath(key) != key or key.startswith(("/", "..")) or key == ".":
        raise invalid(
            field,
            key,
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as "
            f"such. This name would resolve to '{posixpath.normpath(key)}'.",
        )
    return key


def check_length(value: str, field: str, limit: int) -> str:
    """`value`, if it has at most `limit` characters.

    Raises:
        InvalidInput: it is longer.
    """
    if len(value) > limit:
        raise invalid(field, value, f"it has {len(value)} characters, the limit is {limit}.")
    return value


def check_model_name(name: str, field: str = "name") -> str:
    """`name` as the name of a registered model.

    Raises:
        InvalidInput: blank, over 256 characters, with a slash or a colon, or `.` or `..`.
    """
    if not name or not name.strip():
        raise InvalidInput(f"Missing value for required parameter '{field}': a registered model needs a name.")
    if "/" in name or ":" in name:
        raise invalid(field, name, "Registered model name must not contain '/' or ':'.")
    if name in {".", ".."}:
        raise invalid(
            field,
            name,
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as such.",
        )
    return check_length(name, field, limits.MAX_MODEL_NAME_LENGTH)


def check_alias(alias: str) -> str:
    """`alias` as the alias of a model version.

    Raises:
        InvalidInput: empty, over 255 characters, other characters than letters, digits, `_`, `-`, or reserved.
    """
    if not alias:
        raise InvalidInput("Missing value for required parameter 'alias'.")
    check_length(alias, "alias", limits.MAX_ALIAS_LENGTH)
    if not _ALIAS.fullmatch(alias):
        raise invalid("alias", alias, "an alias has only letters, digits, underscores (_) and dashes (-).")
    if _RESERVED_ALIAS.fullmatch(alias):
        raise invalid("alias", alias, "'latest' and 'v' followed by a number are reserved; choose another alias.")
    return alias


_LOGGED_MODEL_FORBIDDEN = re.compile(r"[/:.%\"']")


def check_logged_model_name(name: str) -> str:
    """`name` as the name of a logged model.

    Raises:
        InvalidInput: it has a slash, colon, period, percent sign or quote.
    """
    if _LOGGED_MODEL_FORBIDDEN.search(name):
        raise invalid("name", name, "a logged model's name has no slash, colon, period, percent sign or quote.")
    return name


_ADJECTIVES = [
    "able",
    "agile",
    "amber",
    "bold",
    "brave",
    "bright",
    "brisk",
    "calm",
    "candid",
    "clever",
    "cosmic",
    "crisp",
    "daring",
    "deep",
    "eager",
    "fair",
    "fast",
    "fine",
    "fond",
    "free",
    "fresh",
    "gentle",
    "glad",
    "golden",
    "grand",
    "happy",
    "hardy",
    "honest",
    "humble",
    "keen",
    "kind",
    "late",
    "light",
    "lively",
    "loyal",
    "lucid",
    "lucky",
    "mellow",
    "merry",
    "mild",
    "neat",
    "nimble",
    "noble",
    "patient",
    "placid",
    "plucky",
    "polite",
    "proud",
    "quick",
    "quiet",
    "rapid",
    "ready",
    "rosy",
    "serene",
    "sharp",
    "silent",
    "smart",
    "smooth",
    "snug",
    "solid",
    "spry",
    "steady",
    "stoic",
    "sunny",
    "swift",
    "tidy",
    "true",
    "upbeat",
    "vivid",
    "warm",
    "wise",
    "witty",
    "young",
    "zesty",
]
_NOUNS = [
    "ant",
    "badger",
    "bear",
    "beetle",
    "bison",
    "bobcat",
    "camel",
    "cat",
    "cod",
    "crab",
    "crane",
    "crow",
    "deer",
    "dove",
    "duck",
    "eagle",
    "eel",
    "elk",
    "falcon",
    "ferret",
    "finch",
    "fox",
    "frog",
    "gnat",
    "goat",
    "goose",
    "gull",
    "hare",
    "hawk",
    "hen",
    "heron",
    "ibis",
    "jay",
    "koala",
    "lark",
    "lemur",
    "lion",
    "llama",
    "lynx",
    "mink",
    "mole",
    "moose",
    "moth",
    "mouse",
    "newt",
    "orca",
    "otter",
    "owl",
    "panda",
    "perch",
    "pika",
    "pony",
    "puma",
    "quail",
    "rabbit",
    "ram",
    "raven",
    "robin",
    "seal",
    "shark",
    "sheep",
    "shrew",
    "skunk",
    "sloth",
    "snail",
    "squid",
    "stag",
    "stork",
    "swan",
    "tapir",
    "tern",
    "tiger",
    "toad",
    "trout",
    "vole",
    "wasp",
    "whale",
    "wolf",
    "wren",
    "yak",
    "zebra",
]


def made_up_name() -> str:
    """A name for a run nobody named: `adjective-noun-number`, at most 20 characters."""
    rng = random.SystemRandom()
    return f"{rng.choice(_ADJECTIVES)}-{rng.choice(_NOUNS)}-{rng.randint(0, 999)}"
