"""Job variables against the JSON Schema that the site ships, so that a wrong combination costs no node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from ci.config.paths import path_problem
from ci.config.schema_errors import SitePathError, named, problems
from ci.config.schema_patterns import NOT_READ, Validator, check_schema
from ci.config.yaml_marks import Mapping, Override, Sequence
from ci.errors import Finding

if TYPE_CHECKING:
    import pathlib

    from ci.config.layout import Layout, VariableSource
    from ci.config.schema_errors import Path, Problem
    from ci.config.yaml_marks import Place


class _DoubleKeyError(Exception):
    pass


class _NotReadError(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DoubleKeyError(next(name for name in names if names.count(name) > 1))
    if NOT_READ in found:
        raise _NotReadError
    if isinstance(found.get("$schema"), str):
        # the library would go on with its own validator, whose expressions are Python's
        del found["$schema"]
    return found


def _formats(site: pathlib.Path) -> FormatChecker:
    """Return what knows `"format": "site-path"`, the path of a file of the site; "" is none."""

    def is_site_path(value: Any) -> bool:
        # what a template makes of it is known on the node alone
        if isinstance(value, str) and value and "{{" not in value and (problem := path_problem(site, value)):
            raise SitePathError(*problem)
        return True

    formats = FormatChecker(formats=())  # the schema's other ones are but words
    formats.checks("site-path", raises=SitePathError)(is_site_path)
    return formats


class VariableSchema:
    """The site's schema for a job's variables as a playbook sees them: its own, and `zuul.branch` and `zuul.job`."""

    def __init__(self, path: str, content: bytes, findings: list[Finding], site: pathlib.Path) -> None:
        """Read the file; what is wrong with it goes to the findings, and then every job's variables fit."""
        self._path = path
        self._validator = Validator({})
        try:
            schema = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once)
            check_schema(schema)
            # an empty registry: nothing is looked up on the net
            self._validator = Validator(schema, registry=Registry(), format_checker=_formats(site))
        except json.JSONDecodeError as error:
            findings.append(Finding(path, error.lineno, error.colno, f"is not JSON: {error.msg}", "correct it"))
        except _DoubleKeyError as error:
            findings.append(Finding(path, 0, 0, f"the key `{error}` is there twice in one mapping", "keep one"))
        except _NotReadError:
            findings.append(Finding(path, 0, 0, f"`{NOT_READ}` is not read here", "write additionalProperties"))
        except (UnicodeDecodeError, RecursionError):
            findings.append(Finding(path, 0, 0, "cannot be read as JSON", "save it as UTF-8, not too deeply nested"))
        except SchemaError as error:
            where = f"{named(tuple(error.absolute_path))}: " if error.absolute_path else ""
            if error.validator == "format":
                place = _place_of_text(content.decode("utf-8-sig"), error.instance)
                message = f"{where}not an RE2 regular expression: {error.cause}"
                findings.append(Finding(path, *place, message, "correct it"))
            else:
                findings.append(Finding(path, 0, 0, f"is not a JSON Schema: {where}{error.message}", "correct it"))

    def check(self, layout: Layout) -> list[Finding]:
        """Return what is wrong with the variables of any job that can run, on the branches that it is tried on."""
        found: dict[Finding, None] = {}
        known: dict[str, list[Problem]] = {}
        for job, branch, sources in layout.trial_variables():
            seen = {**job.variables, "zuul": {"branch": branch, "job": job.name}}
            key = json.dumps(seen, sort_keys=True)
            if key not in known:
                try:
                    known[key] = self.problems(seen)
                except Unresolvable as error:
                    return [Finding(self._path, 0, 0, f"leads out of this file: {error}", "write `#/$defs/...`")]
                except RecursionError:
                    return [Finding(self._path, 0, 0, "refers to itself without an end", "break the circle of `$ref`")]
            for problem in known[key]:
                path, place = _place(problem, job.name, sources)
                found[Finding(path, *place, problem.message, problem.hint)] = None
        return list(found)

    def problems(self, variables: dict[str, Any]) -> list[Problem]:
        """Return what is wrong with one set of variables; raises what a schema can be broken by (see `check`)."""
        return list(problems(self._validator.iter_errors(variables)))


def _place_of_text(content: str, text: str) -> Place:
    """Return the line and column of a text in JSON, (0, 0) where it is written in another way than usual."""
    start = max(content.find(json.dumps(text)), content.find(json.dumps(text, ensure_ascii=False)))
    return (content.count("\n", 0, start) + 1, start - content.rfind("\n", 0, start)) if start >= 0 else (0, 0)


def _place(problem: Problem, job: str, sources: tuple[VariableSource, ...]) -> tuple[str, Place]:
    """Return where the value is written: as much of its path as is, in the strongest source that has that much.

    What is not written at all is missing where the job begins, and not in each of its variants.
    """
    for length in range(len(problem.path), 0, -1):
        for source in sources:
            if place := _written(source.variables, problem.path[:length], of_key=problem.of_key):
                return source.path, place
    own = next(source for source in reversed(sources) if source.job == job)
    return own.path, own.place


def _written(value: Any, path: Path, *, of_key: bool) -> Place | None:
    place: Place | None = None
    for part in path:
        value = value.value if isinstance(value, Override) else value
        if isinstance(value, Mapping) and isinstance(part, str) and part in value:
            # a mapping begins on the line after its key, where nobody looks for it
            by_key = of_key or isinstance(value[part], dict)
            place, value = (value.key_places if by_key else value.value_places)[part], value[part]
        elif isinstance(value, Sequence) and isinstance(part, int) and part < len(value):
            place, value = value.item_places[part], value[part]
        else:
            return None
    return place
