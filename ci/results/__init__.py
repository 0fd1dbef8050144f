"""What a run left behind: test results and log archives."""
