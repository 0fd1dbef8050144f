"""A key that does nothing here is told with its place, and is no error."""

import pytest

from ci.config import nodepool, schema
from ci.config.site import load_site
from ci.config.without_effect import (
    JOB_KEYS,
    LABEL_KEYS,
    PIPELINE_KEYS,
    POOL_KEYS,
    PROVIDER_KEYS,
    warn_of_language,
    warn_of_nodepool,
)
from ci.config.yaml_marks import load_yaml
from tests.unit.config.conftest import SiteFolder

PLACE = "jobs/zuul.d/more.yaml"


def warnings(tmp_path, text):
    site = SiteFolder(tmp_path)
    site.write(PLACE, text)
    return [str(warning) for warning in load_site(site.folder).warnings if PLACE in str(warning)]


PIPELINE = "- pipeline:\n    name: more\n    manager: independent\n    trigger: {gerrit: [{event: comment-added}]}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{PIPELINE}    disable-after-consecutive-failures: 3\n",
         f"{PLACE}:5:5: `disable-after-consecutive-failures` has no effect on this engine"),
        ("- semaphore: {name: one}\n- job:\n    name: x\n    run: playbooks/run.yaml\n    semaphores: [one]\n",
         f"{PLACE}:5:5: `semaphores`"),
        (("- job:\n    name: x\n    run: playbooks/run.yaml\n"
         "    required-projects: [{override-checkout: m, name: nova}]"),
         f"{PLACE}:4:26: `override-checkout`"),
    ],
)  # fmt: skip
def test_the_job_language(tmp_path, text, line):
    (found,) = warnings(tmp_path, text)
    assert found.startswith(line)


def test_what_asks_for_nothing_is_passed_over(tmp_path):
    assert warnings(tmp_path, "- job: {name: x, run: playbooks/run.yaml, semaphores: []}\n") == []


def test_nodepool(tmp_path):
    site = SiteFolder(tmp_path)
    path = site.folder / "nodepool" / "nodepool.yaml"
    path.write_text(path.read_text().replace("- name:", "- min-ready: 2\n    name:", 1))
    found = [str(warning) for warning in load_site(site.folder).warnings if "min-ready" in str(warning)]
    assert len(found) == 1, (found, path.read_text())
    assert found[0].startswith("nodepool/nodepool.yaml:")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "- job", "- {job: []}", "- {project: {check: {jobs: [x, [y], {z: 1}]}}}", "- {pipeline: {trigger: 4}}",
     "- {job: {required-projects: !override [a, {name: b}]}}"],
)  # fmt: skip
def test_rubbish_is_left_to_others(text):
    document = load_yaml("x.yaml", text.encode())
    assert list(warn_of_language(document)) == []
    assert list(warn_of_nodepool(document)) == []


def test_the_keys_are_ones_that_are_accepted():
    for keys, section in ((PIPELINE_KEYS, schema.PipelineSection), (JOB_KEYS, schema.JobAttributes),
                          (LABEL_KEYS, nodepool.LabelSection), (PROVIDER_KEYS, nodepool.StaticProviderSection),
                          (POOL_KEYS, nodepool.StaticPoolSection)):  # fmt: skip
        assert keys.keys() <= section.keys()
