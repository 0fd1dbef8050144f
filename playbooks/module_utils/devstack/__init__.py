"""A run of devstack on a node: sources, patches, stack.sh, the proof of the driver, what tempest needs, logs."""
