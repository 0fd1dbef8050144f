"""Test results that a run left behind, and whether they are those of what was to run."""
