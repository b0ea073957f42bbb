"""A tiny package of somebody else's, which adds names to Archwright by its entry points."""
