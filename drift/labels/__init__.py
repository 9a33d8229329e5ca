"""Join labels, which arrive late, to the windows of the payments that they are about."""
