"""Pipelines of the site's files: their triggers, requirements and reporters, read connection by connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.config.reading import Section, suggestion
from ci.config.schema import (
    ApprovalSection,
    GerritTriggerSection,
    PipelineSection,
    ReporterSection,
    RequirementSection,
    TimerTriggerSection,
)
from ci.config.yaml_marks import Mapping, Place, Sequence
from ci.model.cron import Cron, cron_problem
from ci.model.event import EventType
from ci.model.pipeline import ApprovalFilter, ChangeFilter, Messages, Pipeline, Precedence, Reporter, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.config.reading import Reader

_STATUSES = ("NEW", "MERGED", "ABANDONED", "DRAFT", "SUBMITTED")


class PipelineReader:
    """Reads pipelines of one document; `connections` are the names that they may refer to."""

    def __init__(self, reader: Reader, connections: frozenset[str]) -> None:
        self._reader = reader
        self._connections = connections

    def read(self, value: Any, place: Place) -> Pipeline | None:
        """Turn a `pipeline` section into the model; None when it has errors, which are then reported."""
        before = len(self._reader.findings)
        section = self._reader.read(PipelineSection, value, place)
        if section is None:
            return None
        filters = [*self._filters(section, "require"), *self._filters(section, "reject")]
        failure = self._reporters(section, "failure")
        pipeline = Pipeline(
            name=section.name,
            triggers=tuple(self._triggers(section)),
            timers=tuple(self._timers(section)),
            filters=tuple(filters),
            start=self._reporters(section, "start"),
            success=self._reporters(section, "success"),
            failure=failure,
            merge_conflict=self._reporters(section, "merge-conflict"),
            messages=_messages(section),
            precedence=Precedence(section.precedence),
            dequeue_on_new_patchset=section.dequeue_on_new_patchset,
            disable_after=section.disable_after_consecutive_failures,
            description=section.description,
        )
        return pipeline if len(self._reader.findings) == before else None

    def _of_connections(self, section: PipelineSection, key: str) -> Iterator[tuple[str, Any, Place]]:
        mapping = section.marks.get(key)
        if not isinstance(mapping, Mapping):
            return
        for name, value in mapping.items():
            if name in self._connections:
                yield name, value, mapping.value_places[name]
            elif not (key == "trigger" and name == "timer"):
                known = self._connections | ({"timer"} if key == "trigger" else set())
                place = mapping.key_places[name]
                self._reader.report(place, f"no Gerrit connection `{name}` in zuul.conf", suggestion(name, known))

    def _triggers(self, section: PipelineSection) -> Iterator[Trigger]:
        for connection, value, place in self._of_connections(section, "trigger"):
            for item, item_place in _items(value, place):
                read = self._reader.read(GerritTriggerSection, item, item_place)
                if read is not None:
                    yield self._trigger(connection, read)

    def _trigger(self, connection: str, section: GerritTriggerSection) -> Trigger:
        filters = []
        if section.require:
            filters.append(self._filter(connection, section.require, reject=False))
        if section.reject:
            filters.append(self._filter(connection, section.reject, reject=True))
        return Trigger(
            connection=connection,
            events=tuple(EventType(name) for name in section.event),
            branches=tuple(section.branch),
            comments=tuple(section.comment),
            emails=tuple(section.email),
            usernames=tuple(section.username),
            approvals=tuple(pair for votes in section.approval for pair in votes.items()),
            filters=tuple(filters),
        )

    def _timers(self, section: PipelineSection) -> Iterator[Cron]:
        mapping = section.marks.get("trigger")
        if not isinstance(mapping, Mapping) or "timer" not in mapping:
            return
        for item, place in _items(mapping["timer"], mapping.value_places["timer"]):
            read = self._reader.read(TimerTriggerSection, item, place)
            if read is not None:
                if problem := cron_problem(read.time):
                    hint = "minute hour day month weekday, for example: 0 3 * * *"
                    self._reader.report(read.place("time"), f"{read.time!r} is no cron line: {problem}", hint)
                else:
                    yield Cron(read.time)

    def _filters(self, section: PipelineSection, key: str) -> Iterator[ChangeFilter]:
        for connection, value, place in self._of_connections(section, key):
            read = self._reader.read(RequirementSection, value, place)
            if read is not None:
                yield self._filter(connection, read, reject=key == "reject")

    def _filter(self, connection: str, section: RequirementSection, *, reject: bool) -> ChangeFilter:
        for index, status in enumerate(section.status):
            if status not in _STATUSES:
                place = section.place("status", index)
                self._reader.report(place, f"no change has the status {status!r}", suggestion(status, _STATUSES))
        approvals = tuple(self._approvals(section))
        return ChangeFilter(
            connection=connection,
            open=_turned(section.open, reject),
            current_patchset=_turned(section.current_patchset, reject),
            wip=_turned(section.wip, reject),
            statuses=() if reject else tuple(section.status),
            rejected_statuses=tuple(section.status) if reject else (),
            approvals=() if reject else approvals,
            rejected_approvals=approvals if reject else (),
        )

    def _approvals(self, section: RequirementSection) -> Iterator[ApprovalFilter]:
        for index, value in enumerate(section.approval):
            place = section.place("approval", index)
            if not isinstance(value, Mapping):
                self._reader.report(place, "an approval must be a mapping", "for example: Verified: [-1, 1]")
                continue
            fixed = self._reader.read(ApprovalSection, _fixed(ApprovalSection, value), place)
            labels = tuple(self._labels(ApprovalSection, value))
            if fixed is not None:
                yield ApprovalFilter(
                    labels=labels,
                    username=fixed.username,
                    email=fixed.email,
                    newer_than_seconds=fixed.newer_than,
                    older_than_seconds=fixed.older_than,
                )

    def _reporters(self, section: PipelineSection, key: str) -> tuple[Reporter, ...]:
        return tuple(
            reporter
            for connection, value, place in self._of_connections(section, key)
            if (reporter := self._reporter(connection, value, place))
        )

    def _reporter(self, connection: str, value: Any, place: Place) -> Reporter | None:
        if not isinstance(value, Mapping):
            self._reader.report(place, "a reporter must be a mapping of labels", "for example: Verified: 1; or {}")
            return None
        refused = {key for key in value if key in ReporterSection.zuul_keys}
        fixed = self._reader.read(ReporterSection, value.subset(ReporterSection.keys() | refused), place)
        rest = value.subset(set(value) - refused)
        labels = tuple((name, values[0]) for name, values in self._labels(ReporterSection, rest, single=True))
        return Reporter(connection, labels, fixed.comment, fixed.notify) if fixed else None

    def _labels(
        self, section: type[Section], value: Mapping, *, single: bool = False
    ) -> Iterator[tuple[str, tuple[int, ...]]]:
        for name, given in value.items():
            if name in section.keys():  # noqa: SIM118 - a method of the section, not of a dict
                continue
            values = given if isinstance(given, list) and not single else [given]
            if all(type(vote) is int for vote in values):
                yield name, tuple(values)
            else:
                hint = suggestion(name, section.keys()) if name.islower() else "for example: Verified: 1"
                self._reader.report(value.value_places[name], f"the label `{name}` needs a whole number", hint)


def _fixed(section: type[Section], value: Mapping) -> Mapping:
    return value.subset(set(section.keys()))


def _items(value: Any, place: Place) -> Iterator[tuple[Any, Place]]:
    if isinstance(value, Sequence):
        yield from zip(value, value.item_places, strict=True)
    else:
        yield value, place


def _turned(value: bool | None, reject: bool) -> bool | None:  # noqa: FBT001
    return not value if reject and value is not None else value


def _messages(section: PipelineSection) -> Messages:
    given = {
        "start": section.start_message,
        "success": section.success_message,
        "failure": section.failure_message,
        "merge_conflict": section.merge_conflict_message,
        "footer": section.footer_message,
    }
    return Messages(**{name: text for name, text in given.items() if text is not None})
