"""The subset of Zuul's job language that this engine runs: one class for each kind of section."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ci.config.fields import JobVariables, NameField, ProjectVariables, RegexField, SecondsField
from ci.config.reading import ListOf, Section, words

# Sections of Zuul's language that have no meaning here.
ZUUL_SECTIONS = frozenset(
    {"flavor", "image", "label", "pragma", "provider", "queue", "secret", "section"},
)

EventName = Literal[
    "patchset-created",
    "change-restored",
    "change-abandoned",
    "change-merged",
    "comment-added",
    "wip-state-changed",
]


class NodeDefinition(Section):
    """A node of a nodeset."""

    name: NameField
    label: str


class GroupDefinition(Section):
    """A group of the inventory."""

    name: NameField
    nodes: ListOf[str]


class InlineNodeset(Section):
    """The nodes of a job, written in the job itself."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"alternatives"})

    nodes: ListOf[NodeDefinition]
    groups: ListOf[GroupDefinition] = Field(default_factory=list)


class NodesetDefinition(InlineNodeset):
    """A nodeset with a name."""

    name: NameField


class SemaphoreDefinition(Section):
    """How many builds may hold it at once."""

    name: NameField
    max: int = Field(default=1, ge=1)


class RequiredProjectDefinition(Section):
    """A project whose source a job wants."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"override-branch"})

    name: str
    override_checkout: str | None = None


class JobAttributes(Section):
    """What a job says, also where it stands in a project's pipeline."""

    zuul_keys: ClassVar[frozenset[str]] = words(
        "allowed-projects ansible-split-streams ansible-version attribute-control deduplicate dependencies "
        "exclude-projects extra-vars failure-message failure-output failure-url group-vars hold-following-changes "
        "host-vars image-build-name include-projects include-vars intermediate match-on-config-updates "
        "override-branch override-checkout post-review pre-timeout preserve-home-paths protected provides requires "
        "roles secret-exposure secrets semaphore success-message success-url tags type variant-description "
        "workspace-checkout workspace-scheme"
    )
    overridable: ClassVar[frozenset[str]] = frozenset({"vars", "files", "irrelevant-files", "required-projects"})

    description: str = ""
    parent: str | None = None
    abstract: bool = False
    final: bool = False
    branches: ListOf[RegexField] = Field(default_factory=list)
    files: ListOf[RegexField] = Field(default_factory=list)
    irrelevant_files: ListOf[RegexField] = Field(default_factory=list)
    pre_run: ListOf[str] = Field(default_factory=list)
    run: ListOf[str] = Field(default_factory=list)
    post_run: ListOf[str] = Field(default_factory=list)
    cleanup_run: ListOf[str] = Field(default_factory=list)
    nodeset: Any = None
    vars: JobVariables = Field(default_factory=dict)
    timeout: int | None = Field(default=None, ge=0)
    post_timeout: int | None = Field(default=None, ge=0)
    attempts: int = Field(default=3, ge=1)
    voting: bool = True
    required_projects: ListOf[Any] = Field(default_factory=list)
    semaphores: ListOf[Any] = Field(default_factory=list)


class JobSection(JobAttributes):
    """A job, or a variant of one, as a section of its own."""

    name: NameField


class ProjectPipelineSection(Section):
    """What a project runs in one pipeline."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"debug", "fail-fast", "parameters"})

    jobs: list[Any] = Field(default_factory=list)


class ProjectTemplateSection(Section):
    """A project-template; its other keys are pipelines."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"queue"})

    name: str
    description: str = ""
    vars: ProjectVariables = Field(default_factory=dict)


class ProjectSection(ProjectTemplateSection):
    """A project; its other keys are pipelines."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"queue", "merge-mode", "default-branch"})

    branches: ListOf[RegexField] = Field(default_factory=list)
    templates: list[str] = Field(default_factory=list)


class RequirementSection(Section):
    """What `require` and `reject` say about changes of one connection."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"hashtags"})

    open: bool | None = None
    current_patchset: bool | None = None
    wip: bool | None = None
    status: ListOf[str] = Field(default_factory=list)
    approval: ListOf[Any] = Field(default_factory=list)


class ApprovalSection(Section):
    """The fixed keys of an approval; its other keys are labels."""

    username: RegexField | None = None
    email: RegexField | None = None
    newer_than: SecondsField | None = None
    older_than: SecondsField | None = None


class GerritTriggerSection(Section):
    """Events of a Gerrit that start a pipeline."""

    zuul_keys: ClassVar[frozenset[str]] = words(
        "added approval-change comment_filter debug email_filter ignore-deletes ref reject-approval removed "
        "require-approval scheme username_filter uuid"
    )

    event: ListOf[EventName] = Field(min_length=1)
    branch: ListOf[RegexField] = Field(default_factory=list)
    comment: ListOf[RegexField] = Field(default_factory=list)
    email: ListOf[RegexField] = Field(default_factory=list)
    username: ListOf[RegexField] = Field(default_factory=list)
    approval: ListOf[dict[str, int]] = Field(default_factory=list)
    require: RequirementSection | None = None
    reject: RequirementSection | None = None


class TimerTriggerSection(Section):
    """A time of day at which a pipeline starts, as a cron line."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"debug", "dereference"})

    time: str


class ReporterSection(Section):
    """The fixed keys of a Gerrit reporter; its other keys are labels."""

    zuul_keys: ClassVar[frozenset[str]] = frozenset({"submit", "checks-api"})

    comment: bool = True
    notify: Literal["NONE", "OWNER", "OWNER_REVIEWERS", "ALL"] | None = None


class PipelineSection(Section):
    """A pipeline; what it says about connections is read further by `ci.config.pipelines`."""

    zuul_keys: ClassVar[frozenset[str]] = words(
        "allow-other-connections allow-parameters config-error dequeue dequeue-message disabled enqueue "
        "enqueue-message ignore-dependencies no-jobs no-jobs-message post-review supercedes window window-ceiling "
        "window-decrease-factor window-decrease-type window-floor window-increase-factor window-increase-type"
    )

    name: NameField
    manager: Literal["independent"]
    description: str = ""
    precedence: Literal["high", "normal", "low"] = "normal"
    dequeue_on_new_patchset: bool = True
    disable_after_consecutive_failures: int | None = Field(default=None, ge=1)
    trigger: dict[str, Any] = Field(default_factory=dict)
    require: dict[str, Any] = Field(default_factory=dict)
    reject: dict[str, Any] = Field(default_factory=dict)
    start: dict[str, Any] = Field(default_factory=dict)
    success: dict[str, Any] = Field(default_factory=dict)
    failure: dict[str, Any] = Field(default_factory=dict)
    merge_conflict: dict[str, Any] = Field(default_factory=dict)
    start_message: str | None = None
    success_message: str | None = None
    failure_message: str | None = None
    merge_conflict_message: str | None = None
    footer_message: str | None = None
