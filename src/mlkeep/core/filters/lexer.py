"""From text to tokens.

An identifier with its prefix and key is one token, because keys have rules of their own: `metrics.k.1e3` is a key,
not a number, and there are no blanks around the dot.
"""

from __future__ import annotations

import enum
import re

import msgspec

from mlkeep.core.errors import InvalidInput

MAX_LENGTH = 1_000_000
"""Characters of a filter; room for some 25 000 run ids in a list."""


REFUSAL = "Invalid clause(s) in filter string: "
"""How errors about the shape of a filter begin; scripts written for MLflow look for it."""


class TokenKind(enum.Enum):
    """What a piece of text is."""

    NAME = "name"
    TEXT = "text"
    NUMBER = "number"
    OPERATOR = "operator"
    OPEN = "open"
    CLOSE = "close"
    COMMA = "comma"
    END = "end"


class Token(msgspec.Struct, frozen=True):
    """A piece of a filter.

    `text` is the piece as written, `position` its place counted from 1. `parts` are, unquoted, the prefix (if any)
    and key of a name, or the one value of a quoted text.
    """

    kind: TokenKind
    text: str
    position: int
    parts: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The token in upper case if it is a bare word, which may be a keyword; else an empty string."""
        is_word = self.kind is TokenKind.NAME and self.parts == (self.text,) and self.text.isascii()
        return self.text.upper() if is_word else ""


# A doubled quote stays inside a text but is no escape: 'o''brien' is a text of eight characters with two quotes.
# MLflow's own lexer lets a single digit lead (`metrics.5k`), though not two; keys that work there must work here.
_BARE_KEY = re.compile(r"[0-9]?[^\W\d][\w.]*")
_TOKEN = re.compile(
    rf"""
      (?P<blank>\s+)
    | (?P<name>(?P<head>[^\W\d]\w*|`[^`]*`)(?:\.(?P<key>{_BARE_KEY.pattern}|`[^`]*`|"[^"]*"|'[^']*'))?)
    | (?P<text>'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*")
    | (?P<number>-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<operator>[<>=!~]+)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<comma>,)
    """,
    re.VERBOSE,
)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_QUOTES = "`'\""
_HINTS = {
    "--": "comments are not part of the language",
    "/*": "comments are not part of the language",
    "#": "comments are not part of the language",
    ";": "a filter is a single expression",
    "'": "this quote is never closed",
    '"': "this quote is never closed",
    "`": "this backtick is never closed",
}


def tokens(text: str) -> list[Token]:
    """The tokens of `text`, the last one an END.

    Raises:
        InvalidInput: a character that begins no token, an open quote, or more than `MAX_LENGTH` characters.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"The search expression has {len(text)} characters; the limit is {MAX_LENGTH}.")
    if unstorable := _UNSTORABLE.search(text):
        raise refusal(repr(unstorable[0]), unstorable.start() + 1, "no name or value has this character")
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _stray(text, position)
        if match["blank"] is None:
            found.append(_token(match))
        position = match.end()
    found.append(Token(TokenKind.END, "", len(text) + 1))
    return found


def is_bare_key(key: str) -> bool:
    """Whether `key` can follow a prefix without quotes."""
    return _BARE_KEY.fullmatch(key) is not None


def quoted(value: str, quotes: str) -> str:
    """`value` between the first of `quotes` it does not contain.

    Raises:
        InvalidInput: it contains all of them (the language has no escape), or a character no filter can have.
    """
    if not _UNSTORABLE.search(value):
        for quote in quotes:
            if quote not in value:
                return f"{quote}{value}{quote}"
    raise InvalidInput(
        f"The filter language cannot express {clipped(value)!r}: it has no escapes inside quotes ({quotes})."
    )


def clipped(text: str) -> str:
    """`text` as errors show it: its first 80 characters at most."""
    return text if len(text) <= 80 else f"{text[:77]}..."


def refusal(found: str, position: int, reason: str) -> InvalidInput:
    """The error for the text `found` at `position` (from 1), with what is wrong with it."""
    place = f"'{clipped(found)}' at character {position}" if found else "the end"
    return InvalidInput(f"{REFUSAL}{place}: {reason}.")


def _token(match: re.Match[str]) -> Token:
    kind = TokenKind(match.lastgroup)
    parts: tuple[str, ...] = ()
    if kind is TokenKind.NAME:
        parts = tuple(_unquoted(part) for part in (match["head"], match["key"]) if part is not None)
    elif kind is TokenKind.TEXT:
        parts = (_unquoted(match[0]),)
    return Token(kind, match[0], match.start() + 1, parts)


def _unquoted(text: str) -> str:
    return text[1:-1] if text[0] in _QUOTES else text


def _stray(text: str, position: int) -> InvalidInput:
    begin = position + 1 if text[position] == "." else position
    hint = next((hint for start, hint in _HINTS.items() if text.startswith(start, begin)), None)
    if hint is None:
        hint = (
            "a key with other characters than letters, digits, '_' and '.', or beginning with a digit, needs quotes, "
            "as in metrics.`a/b`; a number is written like 10, -0.5 or 1e-3"
        )
    piece = re.compile(r"\S+").match(text, position)
    return refusal(piece[0] if piece else text[position], position + 1, hint)
