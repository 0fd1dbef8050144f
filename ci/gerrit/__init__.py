"""Gerrit over ssh: the event stream, parsing, queries and reviews."""
