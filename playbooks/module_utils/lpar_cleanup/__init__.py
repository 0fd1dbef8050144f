"""Removing what a run left on a PowerVM system: LPARs, their storage and their ports."""
