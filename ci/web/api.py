"""The same facts for programs: JSON with Zuul's field names, metrics, and a sign of life."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.responses import PlainTextResponse, Response

from ci.model.change import Change
from ci.model.node import NodeState
from ci.web.dashboard import dashboard
from ci.web.words import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from ci.model.build import Build, Buildset
    from ci.model.change import Ref
    from ci.model.views import BuildView
    from ci.web.sources import Sources

MOST_BUILDS = 500
LARGEST_NUMBER = 999_999_999


class Api:
    """Request handlers that answer with JSON or metrics."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def status(self, _request: Request) -> Response:
        page = dashboard(self._sources)
        connections = [
            {
                "name": one.name,
                "state": one.state,
                "reason": one.reason,
                "since": iso(one.since),
                "last_event": iso(one.last_event_at),
            }
            for one in page.connections
        ]
        nodes = [
            {
                "id": row.view.node.id,
                "name": row.view.node.name,
                "provider": row.view.node.provider,
                "labels": list(row.view.node.labels),
                "state": row.view.state,
                "reason": row.view.reason,
                "holder": row.view.holder or None,
                "build": row.build.id if row.build else None,
            }
            for row in page.nodes
        ]
        body = {
            "time": iso(self._sources.clock.now()),
            "attention": page.attention,
            "site": {
                "commit": page.site.commit or None,
                "since": iso(page.site.since) if page.site.since else None,
                "refused": page.site.refused or None,
            },
            "connections": connections,
            "events_waiting": page.events_waiting,
            "shortage": self._sources.shortage,
            "buildsets": [self._buildset(buildset) for buildset in page.running],
            "nodes": nodes,
        }
        return _json(body)

    def builds(self, request: Request) -> Response:
        query = request.query_params
        change = query.get("change")
        try:
            limit = _number(query.get("limit", "20"), "limit")
            number = None if change is None else _number(change, "change")
        except ValueError as error:
            return _json({"error": str(error)}, status=400)
        views = self._sources.views.builds(
            limit=max(1, min(limit, MOST_BUILDS)),
            job=query.get("job_name"),
            change_number=number,
            connection=query.get("connection"),
        )
        return _json([self._build_of(view) for view in views])

    def build(self, request: Request) -> Response:
        view = self._sources.views.build(request.path_params["id"])
        if view is None:
            return _json({"error": "There is no such build, or more than one begins like that."}, status=404)
        tests = [
            {"name": test.name, "id": test.idempotent_id, "reason": test.reason} for test in view.build.failed_tests
        ]
        return _json(self._build_of(view) | {"failed_tests": tests})

    def metrics(self, _request: Request) -> Response:
        own = generate_latest(_StateMetrics(self._sources))
        return Response(generate_latest(REGISTRY) + own, media_type=CONTENT_TYPE_LATEST)

    def health(self, _request: Request) -> Response:
        self._sources.views.events_waiting()  # raises when the database does not answer
        if dead := self._sources.dead_loops():
            return PlainTextResponse(f"ended, restart the service: {', '.join(dead)}\n", status_code=503)
        shortage = self._sources.shortage
        # 200 all the same: a restart would make no room
        return PlainTextResponse("ok\n" + (f"no build is taken: {shortage}\n" if shortage else ""))

    def _buildset(self, buildset: Buildset) -> dict[str, Any]:
        return {
            "uuid": buildset.id,
            "pipeline": buildset.pipeline,
            "result": buildset.result,
            "ref": _ref(buildset.change),
            "builds": [self._build(build) for build in buildset.builds],
        }

    def _build_of(self, view: BuildView) -> dict[str, Any]:
        log_url = self._sources.logs_url(self._sources.log_folder(view, view.build))
        own = {"pipeline": view.pipeline, "ref": _ref(view.change), "log_url": log_url}
        return self._build(view.build) | own

    def _build(self, build: Build) -> dict[str, Any]:
        ended = build.started_at is not None and build.ended_at is not None
        return {
            "uuid": build.id,
            "buildset": {"uuid": build.buildset_id},
            "job_name": build.job.name,
            "state": build.state,
            "attempt": build.attempt,
            "result": build.result,
            "voting": build.job.voting,
            "start_time": iso(build.started_at),
            "end_time": iso(build.ended_at),
            "duration": (build.ended_at or 0) - (build.started_at or 0) if ended else None,
            "error_detail": build.error or None,
        }


class _StateMetrics:
    """What the database says at the time of asking, as gauges."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[GaugeMetricFamily]:
        connections = GaugeMetricFamily(
            "powervm_ci_connection_up", "1 when the stream of a connection is open", labels=["connection"]
        )
        for one in self._sources.connections:
            connections.add_metric([one.name], float(one.state == "connected"))
        yield connections
        states: dict[str, int] = {"waiting": 0, "starting": 0, "running": 0}
        for build in self._sources.buildsets.open_builds():
            states[build.state] += 1
        builds = GaugeMetricFamily("powervm_ci_builds_open", "Builds that have not ended", labels=["state"])
        for state, count in states.items():
            builds.add_metric([state], count)
        yield builds
        waiting = self._sources.views.events_waiting()
        yield GaugeMetricFamily("powervm_ci_events_waiting", "Events that wait to be acted on", value=waiting)
        open_reviews = GaugeMetricFamily(
            "powervm_ci_reviews_waiting", "Reviews on their way to a Gerrit", labels=["connection"]
        )
        for waiting_reviews in self._sources.views.reviews_open():
            open_reviews.add_metric([waiting_reviews.connection], waiting_reviews.reviews)
        yield open_reviews
        total = sum(len(provider.nodes()) for provider in self._sources.nodes)
        yield GaugeMetricFamily("powervm_ci_nodes", "Places for builds", value=total)
        yield self._machines()
        leases = len(self._sources.views.leases())
        yield GaugeMetricFamily("powervm_ci_nodes_in_use", "Places for builds that have one", value=leases)

    def _machines(self) -> GaugeMetricFamily:
        places = [node for provider in self._sources.nodes for node in provider.nodes()]
        states = {view.node.machine: view.state for view in self._sources.views.nodes(places)}
        machines = GaugeMetricFamily("powervm_ci_machines", "Machines of the pools, by state", labels=["state"])
        for state in NodeState:
            machines.add_metric([state], sum(one is state for one in states.values()))
        return machines


def _ref(change: Ref) -> dict[str, Any]:
    return {
        "connection": change.connection,
        "project": change.project,
        "branch": change.branch,
        "change": change.number if isinstance(change, Change) else None,
        "patchset": change.patchset if isinstance(change, Change) else None,
        "ref": change.ref,
        "ref_url": change.url or None,
        "subject": change.subject,
        "dependencies": [_ref(one) for one in change.dependencies],
    }


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(LARGEST_NUMBER)):
        message = f"{name} must be a whole number"
        raise ValueError(message)
    return int(text)


def _json(body: Any, status: int = 200) -> Response:
    # Escaped to ASCII: a lone surrogate out of a Gerrit's JSON could not be encoded.
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status_code=status, media_type="application/json", headers={"cache-control": "no-cache"})
