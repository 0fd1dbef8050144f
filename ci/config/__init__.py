"""The site's files, read strictly: every error has a file, a line and a column."""
