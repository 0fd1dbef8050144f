"""Running a job's playbooks in a process of its own."""
