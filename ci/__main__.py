"""Start the command line: `python -m ci` and `powervm-ci`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from ci.cli.root import main as run_command_line  # noqa: PLC0415 - keeps `import ci` free of click

    run_command_line()


if __name__ == "__main__":
    main()
