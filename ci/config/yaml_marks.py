"""YAML with the line and column of every key and value, read strictly and within bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from ci.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Collection

Place = tuple[int, int]

MAX_BYTES = 1 << 20
MAX_VALUES = 100_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"


class Mapping(dict[str, Any]):
    """A mapping that knows where it, its keys and its values stand."""

    def __init__(self, place: Place = (0, 0)) -> None:
        super().__init__()
        self.place = place
        self.key_places: dict[str, Place] = {}
        self.value_places: dict[str, Place] = {}

    def put(self, key: str, value: Any, key_place: Place, value_place: Place) -> None:
        """Add a pair with its places."""
        self[key] = value
        self.key_places[key] = key_place
        self.value_places[key] = value_place

    def subset(self, keys: Collection[str]) -> Mapping:
        """Return the pairs whose keys are in `keys`, places kept."""
        part = Mapping(self.place)
        for key in self:
            if key in keys:
                part.put(key, self[key], self.key_places[key], self.value_places[key])
        return part


class Sequence(list[Any]):
    """A list that knows where it and its items stand."""

    def __init__(self, place: Place = (0, 0)) -> None:
        super().__init__()
        self.place = place
        self.item_places: list[Place] = []


@dataclass(frozen=True, slots=True)
class Override:
    """A value with Zuul's tag `!override` (`replaces`) or `!inherit`."""

    value: Any
    replaces: bool


@dataclass(slots=True)
class Document:
    """One YAML file: its path as findings name it, its root value, its lines, and what is wrong with it."""

    path: str
    root: Any = None
    root_place: Place = (1, 1)
    lines: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


_TOO_DEEP = "is nested too deeply"
SAFE_LENGTH = 10_000
MAX_DEPTH = 100


class _UnreadableError(Exception):
    def __init__(self, place: Place, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.place, self.message, self.hint = place, message, hint


def load_yaml(path: str, content: bytes) -> Document:
    """Read one YAML document; never raises for bad content, see `findings`.

    Values are `Mapping` (text keys only), `Sequence`, `Override`, str, int, float, bool or None.
    """
    document = Document(path)
    try:
        text = _decode(content)
        document.lines = text.split("\n")
        node = _compose(text)
        if node is not None:
            document.root_place = _place(node)
            document.root = _Builder(document.findings, path).value(node)
    except RecursionError:
        document.findings.append(Finding(path, 1, 1, _TOO_DEEP))
    except _UnreadableError as error:
        document.findings.append(Finding(path, *error.place, error.message, error.hint))
    return document


def compose(path: str, content: bytes) -> tuple[yaml.Node | None, list[Finding]]:
    """Read one YAML document whose tags and values are somebody else's matter; never raises for bad content."""
    try:
        return _compose(_decode(content)), []
    except _UnreadableError as error:
        return None, [Finding(path, *error.place, error.message, error.hint)]


def plain(value: Any) -> Any:
    """Return a value without its places: built-in dicts and lists only."""
    if isinstance(value, Override):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _decode(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _UnreadableError((0, 0), f"is larger than {MAX_BYTES} bytes", "split it into several files")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _UnreadableError(place, "is not UTF-8", "save the file as UTF-8") from None


def _compose(text: str) -> yaml.Node | None:
    try:
        if len(text) > SAFE_LENGTH:  # the reader in C recurses without looking at its stack
            _check_depth(text)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.reader.ReaderError as error:
        before = text[: error.position if isinstance(error.position, int) else 0]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _UnreadableError(place, f"holds the character {error.character:#x}", "remove it") from None
    except yaml.MarkedYAMLError as error:
        raise _UnreadableError(*_explain(error, text)) from None
    except RecursionError:
        raise _UnreadableError((1, 1), _TOO_DEEP) from None


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _UnreadableError((1, 1), _TOO_DEEP)


def _explain(error: yaml.MarkedYAMLError, text: str) -> tuple[Place, str, str]:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = error.problem or "cannot be read"
    if "another document" in problem or "single document" in (error.context or ""):
        return place, "holds several YAML documents", "keep one document in a file: remove the line `---`"
    line = text.split("\n")[place[0] - 1] if place[0] <= text.count("\n") + 1 else ""
    hint = "indent with spaces, not tabs" if line[: place[1]].strip(" ").startswith("\t") else ""
    return place, f"not YAML: {problem}" + (f" {error.context}" if error.context else ""), hint


def _place(node: yaml.Node) -> Place:
    return (node.start_mark.line + 1, node.start_mark.column + 1)


class _Builder:
    """Turns YAML nodes into values; aliases are followed, within a budget against alias bombs."""

    def __init__(self, findings: list[Finding], path: str) -> None:
        self._findings = findings
        self._path = path
        self._budget = MAX_VALUES
        self._open: list[int] = []
        self._resolver = yaml.SafeLoader("")

    def value(self, node: yaml.Node) -> Any:
        self._budget -= 1
        if self._budget < 0:
            raise _UnreadableError(_place(node), f"holds more than {MAX_VALUES} values", "use fewer aliases")
        if id(node) in self._open:
            raise _UnreadableError(_place(node), "an alias refers to the value that it is part of", "write it out")
        self._open.append(id(node))
        try:
            return self._tagged(node)
        finally:
            self._open.pop()

    def _tagged(self, node: yaml.Node) -> Any:
        if node.tag in {"!override", "!inherit"}:
            return Override(self._untagged(node), node.tag == "!override")
        if node.tag.startswith("!encrypted"):
            self._report(node, "encrypted values are for Zuul secrets, which this engine does not keep", "remove it")
            return self._untagged(node)
        if not node.tag.startswith(_TAG):
            self._report(node, f"unknown tag {node.tag}", "only !override and !inherit are known")
            return self._untagged(node)
        return self._built_in(node)

    def _untagged(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node)
        return node.value

    def _built_in(self, node: yaml.Node) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return self._sequence(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, kind)
        self._report(node, f"the YAML type {kind} has no use here", "")
        return None

    def _scalar(self, node: yaml.ScalarNode, kind: str) -> Any:
        if kind == "str":
            return node.value
        if kind in {"int", "float", "bool", "null"}:
            try:
                value = self._resolver.construct_object(node)
            except ValueError:
                value = math.nan
            if isinstance(value, float) and not math.isfinite(value):
                self._report(node, f"{node.value} is not a number that can be used", "quote it to mean the text")
                return 0
            return value
        if kind == "timestamp":
            self._report(node, f"{node.value} is a date to YAML", f'quote it: "{node.value}"')
        else:
            self._report(node, f"{node.value!r} has the YAML type {kind}, which has no use here", "quote it")
        return node.value

    def _sequence(self, node: yaml.SequenceNode) -> Sequence:
        result = Sequence(_place(node))
        for child in node.value:
            result.append(self.value(child))
            result.item_places.append(_place(child))
        return result

    def _mapping(self, node: yaml.MappingNode) -> Mapping:
        result = Mapping(_place(node))
        merged: list[Mapping] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged.extend(self._merged(value_node))
                continue
            key = self._key(key_node)
            value = self.value(value_node)
            if key is None:
                continue
            if key in result:
                line = result.key_places[key][0]
                self._report(key_node, f"the key `{key}` is there twice", f"first on line {line}: keep one of them")
                continue
            result.put(key, value, _place(key_node), _place(value_node))
        for source in merged:
            for key in source:
                if key not in result:
                    result.put(key, source[key], source.key_places[key], source.value_places[key])
        return result

    def _merged(self, node: yaml.Node) -> list[Mapping]:
        value = self.value(node)
        sources = value if isinstance(value, Sequence) else [value]
        if all(isinstance(source, Mapping) for source in sources):
            return list(sources)
        self._report(node, "`<<` merges mappings only", "refer to a mapping")
        return []

    def _key(self, node: yaml.Node) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str":
            return str(node.value)
        if isinstance(node, yaml.ScalarNode):
            self._report(node, f"the key {node.value} is not text to YAML", f'quote it: "{node.value}"')
        else:
            self._report(node, "a key must be text", 'quote a value that begins with a brace: "{{ name }}"')
        return None

    def _report(self, node: yaml.Node, message: str, hint: str) -> None:
        self._findings.append(Finding(self._path, *_place(node), message, hint))
