"""Running tempest on a node: which tests, and what came of them."""
