"""The report on performance: its page and plots."""
