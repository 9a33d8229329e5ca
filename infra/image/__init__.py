"""Programs that the container images run besides `fraud`."""
