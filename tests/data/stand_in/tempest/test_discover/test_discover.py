"""Finds all tests, as tempest's own module of this name does."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def load_tests(loader, tests, pattern):
    suite = loader.suiteClass()
    suite.addTests(loader.discover(str(PACKAGE / "api"), top_level_dir=str(PACKAGE.parent), pattern="test_*.py"))
    return suite
