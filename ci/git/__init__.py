"""Mirrors, merging and prepared sources."""
