"""The tests that there are: what `stestr list` and `tempest run -l` print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.skip_lists.names import ID_TAG, UUID, without_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.model.regex import Regex

_FAILED_IMPORT = "unittest.loader._FailedTest."
_ID_ANYWHERE = re.compile(rf"(?=({UUID}))")
_DASHES_OF_ONE_TAG = 5
_TEST = re.compile(r"(?a:[A-Za-z_]\w*+(?:\.[\w-]++){2,}+)(?:\[[^\[\]\s]*+\])?+(?:\([^()]*+\))?+")


@dataclass(frozen=True, slots=True)
class KnownTests:
    """Tests by name and by idempotent ID; names are full and without `[tags]`, and sorted; `listed` has the tags."""

    names: tuple[str, ...] = ()
    without_id: tuple[str, ...] = ()
    failed_imports: tuple[str, ...] = ()
    listed: tuple[str, ...] = field(default=(), repr=False)
    _names_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    _ids_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    _holders_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def names_of(self, identity: str) -> tuple[str, ...]:
        """Return the tests that carry an ID as a whole `id-UUID` tag, () when none does."""
        return self._names_of.get(identity, ())

    def ids_of(self, name: str) -> tuple[str, ...]:
        """Return the IDs that a test carries, () when there is no such test or it has none."""
        return self._ids_of.get(name, ())

    def holders_of(self, identity: str) -> tuple[str, ...]:
        """Return the tests that hold an ID elsewhere than in its own tag: stestr leaves them out with it."""
        return self._holders_of.get(identity, ())

    def matching(self, expression: re.Pattern[str] | Regex) -> tuple[str, ...]:
        """Return the tests that stestr would find by an expression: it searches the name with the tags behind it."""
        return tuple(sorted({without_tags(test) for test in self.listed if expression.search(test)}))

    def with_any_of(self, identities: Iterable[str]) -> frozenset[str]:
        """Return the tests that carry any of these IDs."""
        return frozenset(name for identity in identities for name in self.names_of(identity))


def read_listing(text: str) -> KnownTests:
    """Read a listing; lines that are no tests, such as those of a log around it, are passed over."""
    tests: dict[str, set[str]] = {}
    holders: dict[str, set[str]] = {}
    failed: set[str] = set()
    listed: list[str] = []
    for test in _tests(text):
        name = without_tags(test)
        if name.startswith(_FAILED_IMPORT):
            failed.add(name.removeprefix(_FAILED_IMPORT))
            continue
        own = set(ID_TAG.findall(test))
        listed.append(test)
        tests.setdefault(name, set()).update(own)
        if test.count("-") != len(own) * _DASHES_OF_ONE_TAG:
            for identity in set(_ID_ANYWHERE.findall(test)) - own:
                holders.setdefault(identity, set()).add(name)
    by_id: dict[str, set[str]] = {}
    for name, identities in tests.items():
        for identity in identities:
            by_id.setdefault(identity, set()).add(name)
    return KnownTests(
        tuple(sorted(tests)),
        tuple(sorted(name for name, identities in tests.items() if not identities)),
        tuple(sorted(failed)),
        tuple(listed),
        _sorted(by_id),
        _sorted(tests),
        _sorted(holders),
    )


def _tests(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if _TEST.fullmatch(line := line.strip()):
            yield line
        elif line.endswith(("]", ")")) and ID_TAG.search(word := line.rsplit(maxsplit=1)[-1]):
            yield word  # behind the time stamp of a console log


def _sorted(sets: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(sorted(values)) for key, values in sets.items()}
