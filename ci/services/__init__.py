"""The loops of the running service; they know only ports."""
