"""What a run left behind: test results, skip lists, log archives."""
