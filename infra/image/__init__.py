"""What the container images need besides the Dockerfile."""
