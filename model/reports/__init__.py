"""Pages, cards and texts about models and data."""
