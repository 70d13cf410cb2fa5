"""Reads `.proto` text: proto2, proto3 and editions. Options and ranges are kept; imports are not followed."""

import re
from typing import Any

from versions.diff.proto.form import (
    Options,
    ProtoEnum,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    ProtoSchema,
    ProtoService,
    Ranges,
)
from versions.diff.proto.names import resolve_types

_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_][\w.]*|\.[A-Za-z_][\w.]*|-?\d[\w.+-]*|\S""",
    re.S,
)
TOP = 536_870_911
LABELS = ("optional", "required", "repeated")


class NotProto(ValueError):
    """The text is not protobuf; the message names what was expected."""


class ProtoReader:
    """One file, read into a schema by recursive descent."""

    def __init__(self, name: str, text: str, schema: ProtoSchema) -> None:
        self.tokens: list[str] = [t for t in _TOKEN.findall(text) if not t.startswith(("//", "/*"))]
        self.at = 0
        self.schema = schema
        self.file = ProtoFile(name)

    def read(self) -> None:
        """Read the whole file. Raises NotProto."""
        self.schema.files[self.file.name] = self.file
        while self.at < len(self.tokens):
            word = self.take()
            if word in ("syntax", "edition"):
                self.expect("=")
                self.file.edition = _unquoted(self.take())
                self.expect(";")
            elif word == "package":
                self.file.package = self.take()
                self.expect(";")
            elif word == "option":
                self.option(self.file.options)
            elif word == "import":
                self.skip_statement()
            elif word != ";":
                self.declaration(word, self.file.package)

    def declaration(self, word: str, scope: str) -> None:
        """A message, enum, service or extend block."""
        if word in ("export", "local"):
            word = self.take()
        if word == "message":
            self.message(scope)
        elif word == "enum":
            self.enum(scope)
        elif word == "service":
            self.service(scope)
        elif word == "extend":
            self.extend(scope)
        else:
            raise NotProto(f"unexpected {word!r} in {self.file.name}")

    def message(self, scope: str) -> None:
        """A message block, after its keyword."""
        message = ProtoMessage(_full(scope, self.take()), self.file.name)
        self.schema.messages[message.name] = message
        self.body(message, "")

    def body(self, message: ProtoMessage, oneof: str) -> None:
        """The statements of a message or a oneof."""
        self.expect("{")
        while (word := self.take()) != "}":
            if word == ";":
                continue
            if word == "option":
                self.option(message.options, f"oneof {oneof} " if oneof else "")
            elif word == "oneof":
                self.body(message, self.take())
            elif word == "reserved":
                self.reserved(message.reserved, message.reserved_names)
            elif word == "extensions":
                message.extensions += self.ranges()
                self.skip_statement(already=self.tokens[self.at - 1] == ";")
            elif word in ("message", "enum", "extend") and self.peek(1) in ("{",):
                self.declaration(word, message.name)
            else:
                found = self.field(word, message.name, oneof)
                message.fields[found.number] = found

    def field(self, word: str, scope: str, oneof: str) -> ProtoField:
        """One field, whose first word was taken."""
        label = ""
        if word in LABELS and self.peek() not in ("=",):
            label, word = word, self.take()
        kind = word
        if word == "map" and self.peek() == "<":
            kind, label = self.map_type(), "map"
        elif word == "group":
            return self.group(label, scope, oneof)
        name = self.take()
        self.expect("=")
        number = _number(self.take())
        options = self.bracketed()
        self.expect(";")
        return ProtoField(name, number, kind.lstrip("."), label, options, oneof, scope=scope)

    def group(self, label: str, scope: str, oneof: str) -> ProtoField:
        """A proto2 group: a message and a field at once."""
        name = self.take()
        self.expect("=")
        number = _number(self.take())
        options = self.bracketed()
        message = ProtoMessage(_full(scope, name), self.file.name)
        self.schema.messages[message.name] = message
        self.body(message, "")
        return ProtoField(name.lower(), number, f"group {message.name}", label, options, oneof)

    def map_type(self) -> str:
        """The key and value types of a map."""
        self.expect("<")
        key = self.take()
        self.expect(",")
        value = self.take()
        self.expect(">")
        return f"map<{key},{value.lstrip('.')}>"

    def enum(self, scope: str) -> None:
        """An enum block, after its keyword."""
        enum = ProtoEnum(_full(scope, self.take()), self.file.name)
        self.schema.enums[enum.name] = enum
        self.expect("{")
        while (word := self.take()) != "}":
            if word == "option":
                self.option(enum.options)
            elif word == "reserved":
                self.reserved(enum.reserved, enum.reserved_names)
            elif word != ";":
                self.expect("=")
                enum.values.setdefault(_number(self.take()), []).append(word)
                enum.options.update({f"value {word} {name}": value for name, value in self.bracketed().items()})
                self.expect(";")

    def service(self, scope: str) -> None:
        """A service block, after its keyword."""
        service = ProtoService(_full(scope, self.take()), self.file.name)
        self.schema.services[service.name] = service
        self.expect("{")
        while (word := self.take()) != "}":
            if word == "option":
                self.option(service.options)
            elif word == "rpc":
                method = self.method()
                service.methods[method.name] = method
            elif word != ";":
                raise NotProto(f"unexpected {word!r} in service {service.name}")

    def method(self) -> ProtoMethod:
        """An rpc, after its keyword."""
        name = self.take()
        takes, takes_stream = self.message_type()
        self.expect("returns")
        gives, gives_stream = self.message_type()
        method = ProtoMethod(name, takes, gives, takes_stream, gives_stream)
        if self.peek() == "{":
            self.take()
            while (word := self.take()) != "}":
                if word == "option":
                    self.option(method.options)
        else:
            self.expect(";")
        return method

    def message_type(self) -> tuple[str, bool]:
        """A parenthesised message type, streamed or not."""
        self.expect("(")
        word = self.take()
        streamed = word == "stream" and self.peek() != ")"
        name = self.take() if streamed else word
        self.expect(")")
        return name.lstrip("."), streamed

    def extend(self, scope: str) -> None:
        """Extension fields of another message."""
        extendee = self.take().lstrip(".")
        self.expect("{")
        while (word := self.take()) != "}":
            if word == ";":
                continue
            found = self.field(word, scope, "")
            found.extendee = extendee
            self.schema.extensions[(extendee, found.number)] = found

    def reserved(self, numbers: Ranges, names: set[str]) -> None:
        """A reserved statement: names or numbers."""
        if re.match(r"['\"A-Za-z_]", self.peek()):
            while (word := self.take()) != ";":
                if word != ",":
                    names.add(_unquoted(word))
            return
        numbers += self.ranges()
        self.skip_statement(already=self.tokens[self.at - 1] == ";")

    def ranges(self) -> Ranges:
        """Number ranges up to the end of the statement or its options."""
        found: Ranges = []
        while True:
            low = _number(self.take())
            high = low
            if self.peek() == "to":
                self.take()
                word = self.take()
                high = TOP if word == "max" else _number(word)
            found.append((low, high))
            if self.take() != ",":
                self.at -= self.tokens[self.at - 1] == "["
                return found

    def option(self, options: Options, prefix: str = "") -> None:
        """An option statement, after its keyword; one that stands twice is a list."""
        name = prefix + self.option_name()
        self.expect("=")
        found = self.named_value(name)
        options.update({key: f"{options[key]} {value}" if key in options else value for key, value in found.items()})
        self.expect(";")

    def bracketed(self) -> Options:
        """Options in brackets, if there are any."""
        options: Options = {}
        if self.peek() != "[":
            return options
        self.take()
        while True:
            name = self.option_name()
            self.expect("=")
            options.update(self.named_value(name))
            if self.take() == "]":
                return options

    def option_name(self) -> str:
        """A dotted name, parts of which may be parenthesised."""
        name = ""
        while self.peek() not in ("=", ""):
            name += self.take()
        return name

    def named_value(self, name: str) -> Options:
        """A constant, or the entries of an aggregate under the option's name."""
        if self.peek() != "{":
            value = _unquoted(self.take())
            while self.peek()[:1] in ("'", '"'):
                value += _unquoted(self.take())
            return {name: value}
        return {f"{name}.{key}" if key else name: value for key, value in self.aggregate().items()}

    def aggregate(self) -> Options:
        """A text-format message as dotted names."""
        start = self.at
        depth, entries = 0, {}
        while True:
            word = self.take()
            depth += word in "{[" and 1
            depth -= word in "}]" and 1
            if depth == 0:
                break
            if self.peek() == ":" and depth == 1:
                key = word
                self.take()
                if self.peek() not in ("{", "["):
                    entries[key] = _unquoted(self.take())
        return {**entries, "": " ".join(self.tokens[start : self.at])}

    def peek(self, ahead: int = 0) -> str:
        """A token that is not taken yet; empty at the end."""
        index = self.at + ahead
        return self.tokens[index] if index < len(self.tokens) else ""

    def take(self) -> str:
        """The next token."""
        if self.at >= len(self.tokens):
            raise NotProto(f"{self.file.name} ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, word: str) -> None:
        """The next token must be this one."""
        found = self.take()
        if found != word:
            raise NotProto(f"expected {word!r}, found {found!r} in {self.file.name}")

    def skip_statement(self, already: bool = False) -> None:
        """Everything up to the semicolon."""
        while not already and self.take() != ";":
            pass


def read_text(files: dict[str, Any]) -> ProtoSchema:
    """The schema of some files by name; a file that cannot be read is told in `unread`."""
    schema = ProtoSchema()
    for name, text in files.items():
        try:
            ProtoReader(str(name), str(text), schema).read()
        except (NotProto, ValueError) as error:
            schema.unread.append(f"{name}: {error}")
    resolve_types(schema)
    return schema


def _full(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] in "'\"" and word[-1] == word[0] else word


def _number(word: str) -> int:
    try:
        return int(word, 0) if not re.fullmatch(r"-?0[0-7]+", word) else int(word, 8)
    except ValueError as error:
        raise NotProto(f"expected a number, found {word!r}") from error
