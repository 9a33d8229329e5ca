"""What features of history add, on simulated payments of two generators, one of them not ours."""
