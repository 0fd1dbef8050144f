"""Names of branches are made up for expressions, and hold only where RE2 finds that they fit."""

from __future__ import annotations

import pytest

from ci.config.trial_branches import TrialBranches
from ci.model.regex import Regex


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (r"^stable/2025\.[12]$", "stable/2025.1"),
        ("^stable/(newton|ocata)$", "stable/newton"),
        ("^stable/[^p].*$", "stable/aa"),
        ("^stable/", "stable/other"),
        (r"^(?P<kind>[a-f]{2})-\d+\.\w?\z", "aa-0.a"),
        (r"(?i)^[^\W\d]\D[^/]x", "aaax"),
        (r"^\S[\W]+v", "a-v"),
        ("^(a b|c d|ok)$", "ok"),
        ("^a b$", None),
        (r"^\pL-$", None),
        ("(" * 900 + "x" + ")" * 900, None),
        ("[[:alpha:]]-", None),
    ],
)  # fmt: skip
def test_a_name_for_an_expression(pattern, name):
    tried = TrialBranches(("master",), [Regex(pattern)])
    assert tried.names == (("master", name) if name else ("master",))
    assert tried.unfitted == (frozenset() if name else {Regex(pattern)})


def test_a_name_that_tells_nothing_new_is_not_made_up():
    expressions = [Regex("master"), Regex("stable/pike"), Regex(".*"), Regex("^stable/pi[kx]e"), Regex("^stable/.*$")]
    tried = TrialBranches(("master", "stable/pike"), expressions)
    # one for every expression, one without `pike`; what `.*` fits alone is any other branch
    assert tried.names == ("master", "stable/pike", "a", "stable/pixe", "stable/a")
    assert not tried.unfitted


def test_a_negated_expression_has_other_branches():
    tried = TrialBranches(("master",), [Regex("master"), Regex("^(master|stable/.*)$", negate=True)])
    assert tried.names == ("master", "other")
    assert TrialBranches(("master",), [Regex("", negate=True)]).unfitted == {Regex("", negate=True)}
