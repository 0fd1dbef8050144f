"""What a build says here, less what may not leave the site: by the site's own rules, as its playbooks have them.

`ci/ansible/scrub.py` is the playbooks' own text: it hides in the logs of the nodes what this hides on the console.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.ansible.console import without_colours
from ci.ansible.scrub import Scrubber

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RULES = ("hidden_domains", "hidden_networks")
# Names of the site's own, and what programs compare: nothing of it comes from a node.
PLAIN = frozenset({"event", "status", "host", "hosts", "action", "role", "time", *RULES})


class Discretion:
    """Hides the secrets of a job's variables, tokens, and what `hidden_domains` and `hidden_networks` of a play say."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._scrubber = Scrubber()
        for key, value in _options("", variables):
            self._scrubber.learn_option(key, value)

    def take_rules(self, domains: Any, networks: Any) -> str:
        """Take a play's rules and return what is wrong with them, "" for nothing."""
        problems = []
        self._scrubber.hide(_words(domains), [])
        for network in _words(networks):
            try:
                self._scrubber.hide([], [network])
            except ValueError as error:
                problems.append(f"hidden_networks: {error}")
        return "; ".join(problems)

    def text(self, text: str) -> str:
        """Return a text without what is to be hidden."""
        return self._scrubber.text(without_colours(text))

    def lines(self, lines: list[str]) -> list[str]:
        """Return lines without what is to be hidden; all at once, which takes a tenth of the time."""
        if any("\n" in line for line in lines):
            return [self.text(line) for line in lines]
        return self.text("\n".join(lines)).split("\n") if lines else []

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return an event of the plugin without what is to be hidden."""
        return {key: value if key in PLAIN else self._value(value) for key, value in event.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return self.lines(value)
        return value


def _words(given: Any) -> list[str]:
    """Return a list of words as Ansible's modules take it."""
    return [str(word) for word in (given.split(",") if isinstance(given, str) else given or [])]


def _options(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _options(str(name), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _options(key, inner)
    elif isinstance(value, str):
        yield key, value
