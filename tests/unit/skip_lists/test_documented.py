"""What a check may say is in the lists' README."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ci.model.lockstep import WaitState

ROOT = Path(__file__).parents[3]
MODULES = ["against_tests", "check", "entry_line", "files", "head", "parse", "review", "text"]
CODE = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+")
NO_CODES = {"utf-8"}


@pytest.mark.parametrize("module", MODULES)
def test_each_code_is_in_the_readme(module):
    readme = (ROOT / "skip_lists/README.md").read_text()
    tree = ast.parse((ROOT / f"ci/skip_lists/{module}.py").read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    codes = {text for text in texts if CODE.fullmatch(text)} - NO_CODES
    assert codes
    assert {code for code in codes if f"`{code}`" not in readme} == set()


@pytest.mark.parametrize("state", WaitState)
def test_each_state_of_a_block_that_waits_is_in_the_readme(state):
    assert f"`lockstep-{state}`" in (ROOT / "skip_lists/README.md").read_text()
