"""How often the drift verdict is wrong on streams that nothing happens to, and how soon it is right on others."""
