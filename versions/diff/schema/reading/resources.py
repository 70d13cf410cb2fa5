"""Where references lead: pointers, anchors, and schemas with an `$id` of their own, which change what `#` means."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from versions.diff.schema.reading.dialect import Dialect
from versions.diff.schema.reading.keywords import REFERENCES, SCHEMA_MAP
from versions.diff.values import join, parts_of

DATA = frozenset({"enum", "const", "default", "example", "examples"})
MAPS = SCHEMA_MAP | {"definitions", "$defs", "dependencies"}
MAX_HOPS = 20
Spot = tuple[Any, str]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a reference leads: the raw value, its pointer, and whether there is one."""

    raw: Any = None
    pointer: str = ""
    there: bool = False


NOWHERE = Found()


class SchemaResources:
    """The schemas of one document by address and anchor; looked for when the first reference is followed."""

    def __init__(self, root: Any, dialect: Dialect) -> None:
        self.root = root
        self.dialect = dialect
        self.base = self._identity(root, "") or ""
        self._indexed = False
        self._resources: dict[str, Spot] = {}
        self._anchors: dict[tuple[str, str], Spot] = {}
        self._dynamic: dict[str, list[Spot]] = {}
        self._recursive: list[Any] = []
        self._holders: dict[int, str] = {}
        self._digest = ""

    def find(self, ref: str, holder: Any = None) -> Found:
        """What a reference means that stands in a raw schema."""
        base = self.base_of(holder)
        url, fragment = (base, ref[1:]) if ref.startswith("#") else urldefrag(urljoin(base, ref))
        resource = (self.root, "") if url == self.base else self._resources.get(url)
        if resource is None:
            return NOWHERE
        fragment = unquote(fragment)
        if not fragment:
            return Found(*resource, there=True)
        if fragment.startswith("/"):
            return self._down(*resource, fragment)
        spot = self._anchors.get((url, fragment))
        return Found(*spot, there=True) if spot else NOWHERE

    def find_dynamic(self, word: str, ref: str, holder: Any) -> Found:
        """The same for `$dynamicRef` and `$recursiveRef`, as long as only one target is possible."""
        self.index()
        if word == "$recursiveRef":
            alone = not self._recursive or (len(self._recursive) == 1 and len(self._resources) < 2)
            return self.find(ref, holder) if alone else NOWHERE
        targets = self._dynamic.get(ref.partition("#")[2], [])
        if len(targets) > 1:
            return NOWHERE
        return Found(*targets[0], there=True) if targets else self.find(ref, holder)

    def base_of(self, holder: Any) -> str:
        """The address that a reference in a raw schema starts from."""
        self.index()
        return self._holders.get(id(holder), self.base)

    @property
    def several(self) -> bool:
        """Whether the document has addresses or anchors inside, which a reference may mean that leads nowhere."""
        self.index()
        return len(self._resources) > 1 or bool(self._anchors)

    def whole(self) -> str:
        """A digest of the document, for what depends on all of it."""
        if not self._digest:
            text = json.dumps(self.root, sort_keys=True, default=str)
            self._digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return self._digest

    def index(self) -> None:
        """Find every address and anchor, once. OpenAPI 3.0 and Swagger have none."""
        if self._indexed:
            return
        self._indexed = True
        if self.dialect.openapi and self.dialect.generation == 4:
            return
        pending = [(self.root, "", self.base, False)]
        while pending:
            raw, pointer, base, names = pending.pop()
            if isinstance(raw, dict):
                if not names:
                    base = self._enter(raw, pointer, base)
                pending += self._below(raw, pointer, base, names)
            elif isinstance(raw, list):
                pending += [(part, join(pointer, index), base, False) for index, part in enumerate(raw)]

    def _below(self, raw: Any, pointer: str, base: str, names: bool) -> Iterator[tuple[Any, str, str, bool]]:
        for name, part in raw.items():
            if isinstance(part, dict | list) and (names or name not in DATA):
                yield part, join(pointer, name), base, not names and name in MAPS

    def _enter(self, raw: dict[str, Any], pointer: str, base: str) -> str:
        """Note the addresses and anchors of one raw schema; its base is the answer."""
        own = self._identity(raw, base)
        if own is not None and own != base:
            base = own
            self._resources.setdefault(own, (raw, pointer))
        fragment = self._word(raw)
        if fragment.startswith("#") and len(fragment) > 1:
            self._anchors.setdefault((base, fragment[1:]), (raw, pointer))
        for word in ("$anchor", "$dynamicAnchor"):
            if isinstance(raw.get(word), str):
                self._anchors.setdefault((base, raw[word]), (raw, pointer))
        if isinstance(raw.get("$dynamicAnchor"), str):
            self._dynamic.setdefault(raw["$dynamicAnchor"], []).append((raw, pointer))
        if raw.get("$recursiveAnchor") is True:
            self._recursive.append(raw)
        if base != self.base and any(word in raw for word in REFERENCES):
            self._holders[id(raw)] = base
        return base

    def _identity(self, raw: Any, base: str) -> str | None:
        """The address of a raw schema that has one of its own."""
        written = self._word(raw) if isinstance(raw, dict) else ""
        if not written or written.startswith("#"):
            return None
        return urldefrag(urljoin(base, written))[0]

    def _word(self, raw: dict[str, Any]) -> str:
        """`$id`, or the `id` of draft 4; beside `$ref` neither counts where siblings do not."""
        if "$ref" in raw and not self.dialect.siblings:
            return ""
        old = self.dialect.generation == 4 and not self.dialect.openapi
        word = raw.get("id") if old else raw.get("$id")
        if word is None and not self.dialect.generation and _is_address(raw.get("id")):
            word = raw["id"]
        return word if isinstance(word, str) else ""

    def _down(self, raw: Any, pointer: str, fragment: str) -> Found:
        """The raw value at a pointer, through references on the way."""
        for part in parts_of(fragment):
            raw, pointer = self._through(raw, pointer, part)
            if isinstance(raw, dict) and part in raw:
                raw = raw[part]
            elif isinstance(raw, list) and part.isdigit() and int(part) < len(raw):
                raw = raw[int(part)]
            else:
                return NOWHERE
            pointer = join(pointer, part)
        return Found(raw, pointer, there=True)

    def _through(self, raw: Any, pointer: str, part: str) -> Spot:
        for _ in range(MAX_HOPS):
            if not isinstance(raw, dict) or part in raw or not isinstance(raw.get("$ref"), str):
                break
            if raw["$ref"].startswith("#/") and f"{raw['$ref'][1:]}/".startswith(f"{pointer}/"):
                break
            found = self.find(raw["$ref"], raw)
            raw, pointer = found.raw, found.pointer
        return raw, pointer


def _is_address(word: Any) -> bool:
    return isinstance(word, str) and (word.startswith("#") or "://" in word)
