"""INI files as Zuul reads them, with the line and column of every option."""

from __future__ import annotations

import configparser
import os
import re
from dataclasses import dataclass, field

from ci.config.yaml_marks import Place
from ci.errors import Finding


@dataclass(slots=True)
class IniSection:
    """A section: where it begins, its values, and where its keys and values stand."""

    name: str
    place: Place
    values: dict[str, str] = field(default_factory=dict)
    key_places: dict[str, Place] = field(default_factory=dict)
    value_places: dict[str, Place] = field(default_factory=dict)


def load_ini(path: str, content: bytes, findings: list[Finding]) -> dict[str, IniSection]:
    """Read an INI file; what is wrong goes to `findings`. `%(ZUUL_NAME)s` stands for a variable of the environment."""
    environment = {name: value for name, value in os.environ.items() if name.startswith("ZUUL_")}
    parser = configparser.ConfigParser(environment)
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        if unreadable := _unreadable(path, text):
            findings.append(unreadable)
            return {}
        parser.read_string(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        findings.append(Finding(path, line, 1, "is not UTF-8", "save the file as UTF-8"))
        return {}
    except configparser.Error as error:
        findings.append(_explain(path, error))
        return {}
    sections = _places(text)
    for section in sections.values():
        _fill(parser, section, path, findings)
    return sections


def _unreadable(path: str, text: str) -> Finding | None:
    """Find what the two readers of the file, for values and for places, would take for different lines."""
    for number, line in enumerate(text.split("\n"), 1):
        for column, character in enumerate(line, 1):
            if not character.isprintable() and character != "\t":
                return Finding(path, number, column, f"holds the control character {character!r}", "remove it")
        if line.strip() == "[DEFAULT]":
            return Finding(path, number, 1, "the section [DEFAULT] is not read", "write its keys where they belong")
    return None


def _explain(path: str, error: configparser.Error) -> Finding:
    if isinstance(error, configparser.MissingSectionHeaderError):
        return Finding(path, error.lineno, 1, "a line before the first [section]", "begin with a section in brackets")
    if isinstance(error, configparser.DuplicateSectionError):
        return Finding(path, error.lineno or 0, 1, f"the section [{error.section}] is there twice", "join them")
    if isinstance(error, configparser.DuplicateOptionError):
        return Finding(path, error.lineno or 0, 1, f"`{error.option}` is there twice in [{error.section}]", "keep one")
    if isinstance(error, configparser.ParsingError):
        return Finding(path, error.errors[0][0], 1, "is neither a [section] nor a line `key = value`", "correct it")
    return Finding(path, 0, 0, str(error).replace("\n", " "))


def _places(text: str) -> dict[str, IniSection]:
    sections: dict[str, IniSection] = {}
    current: IniSection | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"\[(.+)\]", line):
            current = sections.setdefault(header[1], IniSection(header[1], (number, 1)))
        elif current and (option := re.match(r"\s*([^\s#;\[][^=:]*?)\s*[=:]\s*(?=(.*))", line)):
            key = option[1].lower()
            current.key_places[key] = (number, 1)
            current.value_places[key] = (number, option.end() + 1)
    return sections


def _fill(parser: configparser.ConfigParser, section: IniSection, path: str, findings: list[Finding]) -> None:
    for key, place in section.value_places.items():
        try:
            section.values[key] = parser.get(section.name, key).strip()
        except configparser.NoOptionError:
            continue  # a line inside a longer value that only looks like an option
        except configparser.InterpolationError:
            hint = "write %% for a per cent sign; %(ZUUL_NAME)s takes a variable of the environment"
            findings.append(Finding(path, *place, f"`{key}` holds a % that means nothing", hint))
