"""Validate marked YAML with pydantic and say each error with its place and what to do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from ci.config.yaml_marks import Mapping, Override, Place, Sequence
from ci.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

    from ci.config.yaml_marks import Document

M = TypeVar("M", bound="Section")
T = TypeVar("T")

_MARKS, _OVERRIDES = "\0marks", "\0overrides"  # no YAML file can hold such keys
_SHOWN = 60
_EXPECTED = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | Override) else [value]


ListOf = Annotated[list[T], BeforeValidator(_as_list)]
"""A list, or one item that stands for a list of one."""


def words(text: str) -> frozenset[str]:
    """Return the words of a text, for lists of keys that read best as text."""
    return frozenset(text.split())


class Section(BaseModel):
    """A mapping of the site's files: unknown keys are errors, and each key knows its place.

    `zuul_keys` are keys that the tool this format comes from knows and this engine does not run. `overridable` keys may
    carry `!override` or `!inherit`; `overrides` says which did.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        alias_generator=lambda name: name.replace("_", "-"),
    )
    zuul_keys: ClassVar[frozenset[str]] = frozenset()
    origin: ClassVar[str] = "Zuul"
    overridable: ClassVar[frozenset[str]] = frozenset()

    marks: Mapping = Field(default_factory=Mapping, alias=_MARKS, repr=False)
    overrides: dict[str, bool] = Field(default_factory=dict, alias=_OVERRIDES, repr=False)

    @classmethod
    def keys(cls) -> frozenset[str]:
        """The keys that may be written."""
        return frozenset(
            alias for field in cls.model_fields.values() if (alias := field.alias) and not alias.startswith("\0")
        )

    @model_validator(mode="before")
    @classmethod
    def _take_marks(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, Mapping):
            return value
        reader = reader_of(info)
        known = cls.keys()
        taken: dict[str, Any] = {_MARKS: value, _OVERRIDES: {}}
        for key, item in value.items():
            if key not in known:
                reader.unknown_key(cls, value, key)
            elif isinstance(item, Override):
                if key in cls.overridable:
                    taken[_OVERRIDES][key] = item.replaces
                else:
                    reader.report(value.value_places[key], f"`{key}` takes no !override or !inherit", "remove the tag")
                taken[key] = item.value
            else:
                taken[key] = item
        return taken

    def says(self, key: str) -> bool:
        """Whether the key is written in the file."""
        return key in self.marks

    def place(self, key: str | None = None, index: int | None = None) -> Place:
        """Where the section, the value of one of its keys, or an item of that value stands."""
        if key is None or key not in self.marks:
            return self.marks.place
        value = self.marks[key]
        value = value.value if isinstance(value, Override) else value
        if index is not None and isinstance(value, Sequence) and index < len(value.item_places):
            return value.item_places[index]
        return self.marks.value_places[key]


class Reader:
    """Reads sections out of one document and collects the findings."""

    def __init__(self, document: Document, findings: list[Finding]) -> None:
        self.document = document
        self.findings = findings

    def report(self, place: Place, message: str, hint: str = "") -> None:
        """Add a finding at a place of the document."""
        self.findings.append(Finding(self.document.path, *place, message, hint))

    def unknown_key(self, section: type[Section], mapping: Mapping, key: str) -> None:
        """Report a key that the section does not have."""
        place = mapping.key_places[key]
        if key in section.zuul_keys:
            self.report(
                place, f"`{key}`: {section.origin} knows this key, but this engine does not run it", "remove it"
            )
        else:
            self.report(place, f"unknown key `{key}`", suggestion(key, section.keys()))

    def read(self, section: type[M], value: Any, place: Place) -> M | None:
        """Validate a value; None when it has errors (also unknown keys), which are then reported."""
        before = len(self.findings)
        try:
            result = section.model_validate(value, context=self)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._translate(detail, value, place)
            return None
        return result if len(self.findings) == before else None

    def _translate(self, detail: ErrorDetails, value: Any, place: Place) -> None:
        location = [part for part in detail["loc"] if part not in {_MARKS, _OVERRIDES}]
        missing = detail["type"] == "missing"
        where, raw = _descend(value, location[:-1] if missing else location, place)
        name = _named(location)
        kind = detail["type"]
        if missing:
            self.report(where, f"`{location[-1]}` is missing", "add it")
        elif kind in _EXPECTED:
            hint = f'quote it: "{raw}"' if kind == "string_type" and isinstance(raw, int | float) else ""
            self.report(where, f"{name}{_EXPECTED[kind]}, not {described(raw)}", hint)
        elif kind == "literal_error":
            expected = detail.get("ctx", {}).get("expected", "")
            self.report(where, f"{name}must be {expected}, not {described(raw)}")
        else:
            context = detail.get("ctx", {})
            if kind == "regex":
                where = self._inside(where, raw, context["pattern"], context["offset"])
            self.report(where, f"{name}{_lowered(detail['msg'])}", str(context.get("hint", "")))

    def _inside(self, place: Place, raw: Any, pattern: str, offset: int) -> Place:
        """Return the place of a character of a pattern, as far as the pattern stands in the file as it is."""
        if isinstance(raw, Mapping):
            place = raw.value_places["regex"]
        start = self.document.lines[place[0] - 1].find(pattern, place[1] - 1)
        return (place[0], start + offset + 1) if start >= 0 else place


def reader_of(info: ValidationInfo) -> Reader:
    """Return the reader that a validator works for."""
    reader = info.context
    if not isinstance(reader, Reader):
        raise TypeError("sections are read by Reader.read alone")
    return reader


def _descend(value: Any, location: list[int | str], place: Place) -> tuple[Place, Any]:
    for part in location:
        value = value.value if isinstance(value, Override) else value
        if isinstance(value, Mapping) and part in value:
            place, value = value.value_places[str(part)], value[str(part)]
        elif isinstance(value, Sequence) and isinstance(part, int) and part < len(value):
            place, value = value.item_places[part], value[part]
    return place, value.value if isinstance(value, Override) else value


def _named(location: list[int | str]) -> str:
    names = [str(part) for part in location if isinstance(part, str)]
    return f"`{names[-1]}` " if names else ""


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def described(value: Any) -> str:
    """Say in short what a value is."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Return "did you mean ...?", or the list of what there is, "" when there is nothing."""
    known = sorted(set(choices))
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return "known: " + ", ".join(known) if known else ""
