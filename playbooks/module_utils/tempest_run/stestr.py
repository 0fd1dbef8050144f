"""How stestr finds tempest's tests."""

from __future__ import annotations

import os
import subprocess

# Tests of one class stay on one worker: they share what its set-up made.
CONFIGURATION = """[DEFAULT]
top_dir={top}
test_path={start}
group_regex=([^\\.]*\\.)*
"""


def configure(folder: str, programs: str, package: str = "") -> None:
    """Write `.stestr.conf` to `folder`: tests below `package` of tempest only, or all with those of its plugins."""
    argv = [os.path.join(programs, "python"), "-c", "import importlib.util as u; print(u.find_spec('tempest').origin)"]
    found = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=folder)
    installed = os.path.dirname(found.stdout.strip())
    top = os.path.dirname(installed)
    start = os.path.join(top, *package.split("."))
    if not package.startswith("tempest.") or not os.path.isdir(start):
        start = os.path.join(installed, "test_discover")
    path = os.path.join(folder, ".stestr.conf")
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.write(CONFIGURATION.format(top=top, start=start))
    os.replace(path + ".new", path)  # tempest may run already
