"""On the executor: what a job's lists of tests say for the source that a build has."""
