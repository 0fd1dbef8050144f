"""Read-only pages over HTTP: status, builds and their logs."""
