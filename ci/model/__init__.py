"""What the CI talks about, in Zuul's words: frozen, without I/O and without a clock."""
