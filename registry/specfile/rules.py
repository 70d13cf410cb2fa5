"""The rules of a spec, each once: its keys, what kind of value each takes within which bounds, and what it means.

The reader, the JSON Schema and the tables in docs/protocols.md follow from these tables.
"""

from dataclasses import dataclass
from typing import TypeAlias

from controlplane.base.messages import Sentence
from registry.lifecycle import DATE
from registry.protocols.compiler.catalog import ALIASES, PROTOCOLS
from registry.spec import TASKS_BY_TYPE, Timeouts

NAME = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}"
PARAMETER_NAME = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"
UPSTREAM_NAME = rf"{PARAMETER_NAME}(\.{PARAMETER_NAME}){{0,5}}"
TAG = r"[^\s,\x00-\x1f\x7f][^,\x00-\x1f\x7f]{0,63}"
AMOUNT = r"([0-9]{1,15}(?:\.[0-9]{1,12})?)\s*"
UNITS = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
MOST_BYTES = 10**18 - 1
MOST_SECONDS = 86_400
MOST_OPTIONS = 200
RESERVED = ("model", "stream", "messages", "prompt", "input", "inputs", "task", "parameters", "stream_options")
"""Parts of every call, which are no parameters."""
TYPES = {kind: kind for kind in TASKS_BY_TYPE} | {
    "chat": "llm", "text-generation": "llm", "completion": "llm", "text": "llm", "conversational": "llm",
    "embeddings": "embedding", "feature-extraction": "embedding", "sentence-similarity": "embedding",
    "reranker": "rerank", "reranking": "rerank", "text-to-image": "image", "text-to-speech": "speech", "tts": "speech",
    "asr": "transcription", "automatic-speech-recognition": "transcription", "speech-to-text": "transcription",
    "moderations": "moderation", "classifier": "classification", "text-classification": "classification",
    "image-classification": "classification", "object-detection": "detection", "detector": "detection",
    "generic": "tensor", "tensors": "tensor",
}  # fmt: skip
PARAMETER_TYPES = {
    "float": "float", "number": "float", "double": "float", "int": "int", "integer": "int", "bool": "bool",
    "boolean": "bool", "string": "string", "str": "string", "array": "array", "list": "array",
    "object": "object", "dict": "object",
}  # fmt: skip
OUTSIDE = ("refuse", "clamp")


@dataclass(frozen=True, slots=True)
class NameKind:
    """A name that `pattern` matches whole, at most `most` characters. `secret` is one that is not repeated."""

    pattern: str
    most: int
    secret: bool = False


@dataclass(frozen=True, slots=True)
class TextKind:
    """Text of at most `most` characters; `trimmed` has something in it and no spaces at its ends."""

    most: int
    trimmed: bool = False


@dataclass(frozen=True, slots=True)
class WordKind:
    """One of the words `known`, in any case, with spaces around it; a letter of `joints` may stand for each other."""

    known: tuple[str, ...]
    plain: tuple[str, ...]
    joints: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceKind:
    """Exactly one of these words."""

    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlagKind:
    """true or false."""


@dataclass(frozen=True, slots=True)
class DateKind:
    """A date or a date-time that `pattern` matches whole."""

    pattern: str


@dataclass(frozen=True, slots=True)
class TextsKind:
    """A list of at most `most` different texts, each matching `pattern` and at most `longest` characters."""

    pattern: str
    longest: int
    most: int
    expected: str
    least: int = 0


@dataclass(frozen=True, slots=True)
class AddressesKind:
    """A base address of at most `longest` characters, or a list of 1 to `most` of them."""

    longest: int
    most: int


@dataclass(frozen=True, slots=True)
class SizeKind:
    """Bytes: a whole number, or a number with a unit."""


@dataclass(frozen=True, slots=True)
class NumberKind:
    """A number; with `most`, more than 0 and at most that."""

    most: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RangeKind:
    """Two numbers, lowest and highest; null leaves a side open if `open`."""

    open: bool = True


@dataclass(frozen=True, slots=True)
class OptionsKind:
    """A list of 1 to `most` values."""

    most: int


@dataclass(frozen=True, slots=True)
class PairsKind:
    """A mapping of 1 to `most` values to other ones."""

    most: int


@dataclass(frozen=True, slots=True)
class AnyKind:
    """Any value."""


@dataclass(frozen=True, slots=True)
class GroupKind:
    """A mapping with these keys and no others."""

    keys: tuple["Key", ...]
    expected: str


@dataclass(frozen=True, slots=True)
class NamedKind:
    """A mapping of at most `most` names that `pattern` matches, each to a mapping with these keys and no others."""

    pattern: str
    most: int
    keys: tuple["Key", ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class RowsKind:
    """A list of at most `most` mappings with these keys and no others."""

    most: int
    keys: tuple["Key", ...]
    meaning: str


Kind: TypeAlias = (
    NameKind
    | TextKind
    | WordKind
    | ChoiceKind
    | FlagKind
    | DateKind
    | TextsKind
    | AddressesKind
    | SizeKind
    | NumberKind
    | RangeKind
    | OptionsKind
    | PairsKind
    | AnyKind
    | GroupKind
    | NamedKind
    | RowsKind
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its kind of value and what it means. `default` is what holds if it is left out.

    `null` says that null leaves it out too, where other keys of its mapping may not be null.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    default: str | float | bool | None = None
    null: bool = False


PUBLIC_NAME = NameKind(NAME, 200)
PARAMETER = NameKind(PARAMETER_NAME, 64)
FOR_PEOPLE = TextKind(2000)
EXCLUSIVE = TextsKind(PARAMETER_NAME, 64, 100, Sentence("a list of names"), least=2)
OUTSIDE_KEY = Key(
    "outside",
    ChoiceKind(OUTSIDE),
    "what happens beyond range or options: refuse, or clamp to the nearest bound (for options to the default)",
    default="refuse",
)
CONVERT = (Key("range", RangeKind(open=False), "the upstream's lowest and highest value", required=True),)
PARAMETER_KEYS = (
    Key("type", WordKind(tuple(PARAMETER_TYPES), tuple(dict.fromkeys(PARAMETER_TYPES.values()))), "its type", True),
    Key("default", AnyKind(), "sent if the caller gives nothing"),
    Key("range", RangeKind(), "lowest and highest value, inclusive"),
    Key("options", OptionsKind(MOST_OPTIONS), "the allowed values"),
    Key("required", FlagKind(), "true: a call without it is refused", default=False),
    Key(
        "upstream",
        NameKind(UPSTREAM_NAME, 400),
        "the upstream's name; dotted (`options.mirostat`) if it is nested",
        null=True,
    ),
    Key(
        "convert",
        GroupKind(CONVERT, Sentence("{range: [low, high]}, the upstream's range")),
        "the caller's range is stretched onto this one",
    ),
    Key("values", PairsKind(MOST_OPTIONS), "the caller's value: the upstream's, for every option"),
    OUTSIDE_KEY,
    Key(
        "sent",
        FlagKind(),
        "false: a caller may give it, and it is dropped and told; for what the upstream no longer takes",
        default=True,
    ),
    Key("description", FOR_PEOPLE, "for people"),
)
CONSTRAINT_KEYS = (
    Key(
        "exclusive",
        EXCLUSIVE,
        "parameters of which at most one may be given; with `outside: clamp` the later ones are dropped",
    ),
    Key("requires", PARAMETER, "the parameter that must lie in `range` if the condition holds"),
    Key("range", RangeKind(), "where `requires` must lie"),
    Key("when", PARAMETER, "the parameter that sets the condition"),
    Key("above", NumberKind(), "the condition holds if `when` is more than this"),
    OUTSIDE_KEY,
)
RESOURCES = (
    Key("gpu_memory", SizeKind(), "GPU memory of one replica"),
    Key("vram_per_token", SizeKind(), "GPU memory that each token of a call takes"),
)
_SECONDS = NumberKind(MOST_SECONDS, "seconds")
TIMEOUTS = (
    Key("connect", _SECONDS, "to connect", default=Timeouts().connect),
    Key("first_byte", _SECONDS, "to the first byte of the answer", default=Timeouts().first_byte),
    Key("idle", _SECONDS, "of silence between chunks", default=Timeouts().idle),
    Key("total", _SECONDS, "for the whole call", default=Timeouts().total),
)
SPEC = (
    Key("name", PUBLIC_NAME, "what applications call", True),
    Key("type", WordKind(tuple(TYPES), tuple(TASKS_BY_TYPE), "-_"), "what the model does", True),
    Key(
        "protocol", WordKind(tuple(sorted(ALIASES)), tuple(PROTOCOLS), "_- "), "the wire format its server speaks", True
    ),
    Key("endpoint", AddressesKind(500, 256), "where it is served; a list means replicas", True),
    Key(
        "params",
        NamedKind(PARAMETER_NAME, 100, PARAMETER_KEYS, "One parameter that callers may give."),
        "the parameters that callers may give, by name",
    ),
    Key(
        "constraints",
        RowsKind(50, CONSTRAINT_KEYS, "Parameters that exclude each other, or a range that holds under a condition."),
        "conditions over parameters",
    ),
    Key("resources", GroupKind(RESOURCES, Sentence("a mapping such as {gpu_memory: 12GB}")), "what one replica needs"),
    Key("timeouts", GroupKind(TIMEOUTS, Sentence("a mapping such as {connect: 3, total: 600}")), "time limits"),
    Key("upstream_model", TextKind(200, trimmed=True), "the model's name at the upstream, if it differs from `name`"),
    Key("credential", NameKind(NAME, 200, secret=True), "the name of a stored credential, never a secret"),
    Key(
        "tags",
        TextsKind(TAG, 64, 64, Sentence("a list of tags, each at most {most} characters without commas", most=64)),
        "words to find it by",
    ),
    Key("aliases", TextsKind(NAME, 200, 64, Sentence("a list of names")), "other names that applications may call"),
    Key("owner", TextKind(150), "who answers for the model"),
    Key("description", FOR_PEOPLE, "for people"),
    Key("strict", FlagKind(), "true: a call that would lose something is refused with 400", default=False),
    Key("deprecated", DateKind(DATE), "since when callers are told in every answer to move away from it"),
    Key("sunset", DateKind(DATE), "when it ends, as callers are told in every answer; not before `deprecated`"),
)
SPEC_WORDS = {"types": tuple(TASKS_BY_TYPE), "protocols": tuple(PROTOCOLS)}
"""The words of `type` and `protocol`, for pages that show how a spec is written."""


def names(keys: tuple[Key, ...]) -> tuple[str, ...]:
    """The names of keys."""
    return tuple(key.name for key in keys)
