"""Start the command line: `python -m ci` and `powervm-ci`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from ci.cli import root  # noqa: PLC0415 - keeps `import ci` free of click

    root.main()


if __name__ == "__main__":
    main()
