"""Mirrors, merging and prepared sources; what branches contain; the site's own repository and its history."""
