"""jobs/README.md names every key that is accepted, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ci.config import nodepool, schema, tenant
from ci.config.settings import IGNORED_CONNECTION_KEYS, GerritSettings, Settings, documented_settings

TEXT = (Path(__file__).parents[3] / "jobs" / "README.md").read_text()


def words(row: str) -> set[str]:
    """Return the words in backquotes of the table's row that begins with a cell."""
    found = next(line for line in TEXT.splitlines() if line.startswith(f"| {row} |"))
    return set(re.findall(r"`([^`]+)`", found.removeprefix(f"| {row} |")))


@pytest.mark.parametrize(
    ("row", "section"),
    [
        ("`pipeline`", schema.PipelineSection),
        ("`job`", schema.JobSection),
        ("`semaphore`", schema.SemaphoreDefinition),
        ("`trigger: CONNECTION`", schema.GerritTriggerSection),
        ("`trigger: timer`", schema.TimerTriggerSection),
        ("`require`, `reject: CONNECTION`", schema.RequirementSection),
        ("`approval` of these", schema.ApprovalSection),
        ("`start` ... `merge-conflict: CONNECTION`", schema.ReporterSection),
        ("`required-projects`", schema.RequiredProjectDefinition),
        ("`tenant`", tenant.TenantSection),
        ("`source: CONNECTION`", tenant.SourceSection),
        ("the config project", tenant.ConfigProjectOptions),
        ("its nodes", nodepool.StaticNodeSection),
        ("`labels`", nodepool.LabelSection),
    ],
)
def test_the_keys_of_a_section(row, section):
    assert words(row) == section.keys()


def test_keys_beside_others_in_their_row():
    assert schema.ProjectSection.keys() | {"jobs"} == words("`project`")
    assert schema.ProjectTemplateSection.keys() | {"jobs"} == words("`project-template`")
    nested = schema.NodeDefinition.keys() | schema.GroupDefinition.keys()
    assert schema.NodesetDefinition.keys() | nested == words("`nodeset`")
    assert nodepool.StaticProviderSection.keys() | nodepool.StaticPoolSection.keys() == words("a static provider")


@pytest.mark.parametrize("kind", [Settings, GerritSettings])
def test_every_setting_is_described_as_in_the_code(kind):
    for name, description in documented_settings(kind).items():
        assert re.search(rf"^\| `{name}` \| [^|]* \| {re.escape(description)} \|$", TEXT, re.MULTILINE), name


def test_keys_without_effect_are_named():
    assert all(f"`{key}`" in TEXT for key in IGNORED_CONNECTION_KEYS)


def test_no_key_is_both_run_and_not_run():
    sections = [getattr(module, name) for module in (schema, tenant, nodepool) for name in dir(module)]
    for section in sections:
        if isinstance(section, type) and issubclass(section, schema.Section):
            assert not section.keys() & section.zuul_keys, section
