"""The playbooks and roles are clean by ansible-lint's strictest profile."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def test_the_playbooks_are_clean(tmp_path):
    # its caches and its copy of the project's roles go to a home of its own
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), "NO_COLOR": "1"}
    argv = [str(BIN / "ansible-lint"), "--offline", "--profile", "production", "playbooks"]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failure(s)" in done.stderr
