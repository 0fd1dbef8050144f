"""Skip lists through the history of the site: under the name that each has today, and since when it has an ID."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.model.file_history import Commit
from ci.skip_lists.site_lists import FOLDER, INCLUDE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ci.ports import FileHistory

_GLOB_CHARACTERS = re.compile(r"([\\*?\[\]])")


@dataclass(frozen=True, slots=True)
class ListChange:
    """What a commit did to a list; `before` and `after` name contents, "" where there was no list."""

    commit: Commit
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Presence:
    """Since which commit a list has had an ID without a break, and which one brought it for the first time."""

    since: Commit
    first: Commit


class ListHistory:
    """The history of the exclude lists in the site's folder of skip lists, and of other `lists`.

    Names are paths from the site's folder. Lists that were renamed, also from another folder, go by their last name.
    """

    def __init__(self, history: FileHistory, lists: Collection[str]) -> None:
        self._history = history
        self._named = frozenset(history.prefix + name for name in lists)
        # A list may have come from any other text file.
        self._patterns = ("**/*.txt", *(_GLOB_CHARACTERS.sub(r"\\\1", name) for name in sorted(self._named)))

    def contents(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each content, once, with its name."""
        return self._history.contents(names)

    def changes(self) -> Iterator[ListChange]:
        """Yield what happened to lists, newest first."""
        names: dict[str, str] = {}

        def name_of(path: str) -> str | None:
            return names.get(path) or (path.removeprefix(self._history.prefix) if self._is_list(path) else None)

        for step in self._history.steps(self._patterns):
            renamed: dict[str, str] = {}
            for change in step.changes:
                name = name_of(change.path)
                if name is not None:
                    yield ListChange(step.commit, name, change.before, change.after)
                    if change.old_path != change.path:
                        renamed[change.old_path] = name
                        names.pop(change.path, None)
                elif (left := name_of(change.old_path)) is not None:
                    yield ListChange(step.commit, left, change.before, "")
            names.update(renamed)

    def presences(self, identity: str, lists: Collection[str]) -> dict[str, Presence]:
        """Say for each list that has the ID in its last commit since when it does."""
        line = re.compile(rb"^[ \t]*" + re.escape(identity.encode()) + rb"(?![\w-])", re.MULTILINE)
        changes = [change for change in self.changes() if change.name in lists]
        asked = [name for change in changes for name in (change.before, change.after)]
        having = {name for name, content in self.contents(asked) if line.search(content)}
        found: dict[str, Presence] = {}
        for name in lists:
            own = [change for change in changes if change.name == name]
            arrivals = [one.commit for one in own if one.after in having and one.before not in having]
            if arrivals and own[0].after in having:
                found[name] = Presence(self._origin(arrivals[0], line)[0], self._origin(arrivals[-1], line)[-1])
        return found

    def _origin(self, commit: Commit, line: re.Pattern[bytes]) -> list[Commit]:
        """Return the commits in which a line was written, newest first: a merge only brought it."""
        if not commit.is_merge:
            return [commit]
        steps = self._history.merged(commit, self._patterns)
        asked = [name for step in steps for change in step.changes for name in (change.before, change.after)]
        having = {name for name, content in self.contents(asked) if line.search(content)}
        written = [
            step.commit
            for step in steps
            if any(change.after in having and change.before not in having for change in step.changes)
        ]
        return written or [commit]

    def _is_list(self, path: str) -> bool:
        name = path.removeprefix(self._history.prefix)
        is_in_folder = name.startswith(f"{FOLDER}/") and not name.startswith(f"{INCLUDE_FOLDER}/")
        return path in self._named or (is_in_folder and name.endswith(".txt") and path.startswith(self._history.prefix))
