"""Where builds run: node providers."""
