"""The README's recipe of the vendor's own Gerrit, as its lines stand there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
RECIPE = re.compile(r"\*\*The vendor's own Gerrit\*\*.*?```yaml\n(.*?)```.*?```yaml\n(.*?)```", re.DOTALL)


def follow(site: Path) -> None:
    """Change the language of a site as the recipe says: its tenant, and a pipeline of its own."""
    found = RECIPE.search(README.read_text())
    assert found
    tenant = site / "jobs/tenant.yaml"
    source = textwrap.indent(textwrap.dedent(found[1]), " " * 6)
    config = source.removeprefix("      vendor:\n")
    assert config in tenant.read_text()
    tenant.write_text(tenant.read_text().replace(config, "") + source)
    (site / "jobs/zuul.d/vendor.yaml").write_text(textwrap.dedent(found[2]))
