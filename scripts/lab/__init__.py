"""Pieces of a laboratory on one machine: a node with a real sshd, a seeded nova repository."""
