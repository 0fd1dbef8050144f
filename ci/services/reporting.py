"""The verdict on a buildset and the words of its one review: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.model.build import INFRASTRUCTURE_RESULTS, Build, Buildset, Result
from ci.model.change import Branch
from ci.model.duration import duration
from ci.model.policy import SHIPPED_INFRA_POLICY, InfraPolicy
from ci.model.vote import Review

if TYPE_CHECKING:
    from ci.model.change import Change
    from ci.model.pipeline import Pipeline, Reporter

SHOWN_TESTS = 5
# What broke in the CI may name its machines and folders: that is for the logs, and the vote says it in these words.
_FAULTS = {
    Result.RETRY_LIMIT: "each attempt broke down on the side of the CI",
    Result.NODE_FAILURE: "the CI has no node to run it on",
    Result.ERROR: "the CI broke while it ran",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Where the words of a review point to: our pages and the CI's own page (how to recheck, whom to ask)."""

    root_url: str
    ci_page_url: str = ""
    recheck_comment: str = "recheck"

    def buildset(self, buildset_id: str) -> str:
        return f"{self.root_url}/buildset/{buildset_id}"

    def build(self, build_id: str) -> str:
        return f"{self.root_url}/build/{build_id}"


def verdict(builds: tuple[Build, ...]) -> Result:
    """Return the result of a buildset whose builds have all ended; non-voting builds do not count.

    A fault of the patch (FAILURE, TIMED_OUT, POST_FAILURE) outweighs one of the hardware or the CI, so that a
    reviewer sees it.
    """
    results = [build.result for build in builds if build.job.voting and build.result is not None]
    if Result.MERGE_CONFLICT in {build.result for build in builds}:
        return Result.MERGE_CONFLICT
    if any(result in {Result.FAILURE, Result.TIMED_OUT, Result.POST_FAILURE} for result in results):
        return Result.FAILURE
    faults = [result for result in results if result in INFRASTRUCTURE_RESULTS]
    if faults:
        return faults[0]
    return Result.CANCELED if Result.CANCELED in results else Result.SUCCESS


def reporters_for(pipeline: Pipeline, result: Result) -> tuple[Reporter, ...]:
    """Return the pipeline's reporters for a result; those for failures also tell of a fault of the CI."""
    if result is Result.MERGE_CONFLICT:
        return pipeline.merge_conflict
    if result is Result.CANCELED:
        return ()
    return pipeline.success if result is Result.SUCCESS else pipeline.failure


def result_review(
    pipeline: Pipeline, buildset: Buildset, result: Result, links: Links, policy: InfraPolicy = SHIPPED_INFRA_POLICY
) -> Review | None:
    """Return the one review of an ended buildset, None when the pipeline has no reporter for its result.

    Of a branch nobody is told, as in Zuul. A fault of the CI is told without labels, unless the policy is to vote on it
    all the same.
    """
    change, reporter = buildset.change, _own_reporter(reporters_for(pipeline, result), buildset)
    if reporter is None or isinstance(change, Branch):
        return None
    unvoted = result in INFRASTRUCTURE_RESULTS and not policy.votes
    marker = f"{links.buildset(buildset.id)}\n"
    message = _message(pipeline, buildset, result, links, "no vote" if unvoted else "")
    return _review(buildset, change, reporter, {} if unvoted else dict(reporter.labels), message, marker)


def refusal_review(pipeline: Pipeline, buildset: Buildset, reason: str, links: Links) -> Review | None:
    """Return the review that says why nothing was run, None when the pipeline has no reporter for failures.

    It never votes: nothing was tested. The words are Zuul's where Zuul has some.
    """
    change, reporter = buildset.change, _own_reporter(pipeline.failure, buildset)
    if reporter is None or isinstance(change, Branch):
        return None
    head = f"{_fill(pipeline.messages.failure, pipeline)} Nothing was run: no vote."
    marker = f"{links.buildset(buildset.id)}\n"
    parts = [head, links.buildset(buildset.id), _how_to_go_on(links), "", reason]
    return _review(buildset, change, reporter, {}, "\n".join(parts + _footer(pipeline)), marker)


def start_review(pipeline: Pipeline, buildset: Buildset, links: Links) -> Review | None:
    """Return the review that says that builds were started, None when the pipeline has no start reporter."""
    change, reporter = buildset.change, _own_reporter(pipeline.start, buildset)
    if reporter is None or isinstance(change, Branch):
        return None
    head = _fill(pipeline.messages.start, pipeline)
    marker = f"{links.buildset(buildset.id)}#started"
    return _review(buildset, change, reporter, dict(reporter.labels), f"{head}\n\n{marker}", marker)


def _own_reporter(reporters: tuple[Reporter, ...], buildset: Buildset) -> Reporter | None:
    """Return the reporter for the change's own Gerrit, None when there is none or it has nothing to say."""
    for reporter in reporters:
        if reporter.connection == buildset.change.connection and (reporter.comment or reporter.labels):
            return reporter
    return None


def _review(
    buildset: Buildset, change: Change, reporter: Reporter, labels: dict[str, int], message: str, marker: str
) -> Review:
    return Review(
        connection=change.connection,
        project=change.project,
        number=change.number,
        patchset=change.patchset,
        message=message,
        marker=marker,
        labels=labels,
        tag=f"autogenerated:zuul:{buildset.pipeline}",
        notify=reporter.notify,
    )


def _message(pipeline: Pipeline, buildset: Buildset, result: Result, links: Links, vote: str) -> str:
    parts = [_head(pipeline, result, vote), links.buildset(buildset.id), _how_to_go_on(links), ""]
    parts += [_build_line(build, links) for build in buildset.builds]
    for build in buildset.builds:
        parts += _failure_lines(build)
    return "\n".join(parts + _footer(pipeline))


def _footer(pipeline: Pipeline) -> list[str]:
    return ["", _fill(pipeline.messages.footer, pipeline)] if pipeline.messages.footer else []


def _head(pipeline: Pipeline, result: Result, vote: str) -> str:
    if result is Result.SUCCESS:
        return _fill(pipeline.messages.success, pipeline)
    if result is Result.MERGE_CONFLICT:
        return _fill(pipeline.messages.merge_conflict, pipeline)
    head = _fill(pipeline.messages.failure, pipeline)
    if result in INFRASTRUCTURE_RESULTS:
        head += f" The CI failed, not the patch{': ' if vote else ''}{vote}."
    return head


def _fill(text: str, pipeline: Pipeline) -> str:
    return text.replace("{pipeline.name}", pipeline.name).strip()


def _how_to_go_on(links: Links) -> str:
    about = f" About this CI: {links.ci_page_url}" if links.ci_page_url else ""
    return f'To run again, comment "{links.recheck_comment}".{about}'


def _build_line(build: Build, links: Links) -> str:
    line = f"- {build.job.name} {links.build(build.id)} : {build.result}"
    if build.started_at is not None and build.ended_at is not None:
        line += f" in {duration(build.ended_at - build.started_at)}"
    return line + ("" if build.job.voting else " (non-voting)")


def _failure_lines(build: Build) -> list[str]:
    if build.result in _FAULTS:
        return ["", f"{build.job.name}: {_FAULTS[build.result]}; this says nothing about the patch"]
    if build.result in {Result.SUCCESS, Result.CANCELED, Result.SKIPPED, None}:
        return []
    if not build.failed_tests:
        return ["", f"{build.job.name}: {build.error}"] if build.error else []
    failed, total = len(build.failed_tests), None
    if build.counts:
        failed = build.counts.failed
        total = build.counts.passed + build.counts.failed
    names = [f"  {test.name}" for test in build.failed_tests[:SHOWN_TESTS]]
    if failed > SHOWN_TESTS:
        names.append(f"  and {failed - SHOWN_TESTS} more")
    head = f"{build.job.name}: {failed} of {total} tests failed:" if total else f"{build.job.name}: tests failed:"
    return ["", head, *names]
