"""The statistics behind a drift verdict."""
