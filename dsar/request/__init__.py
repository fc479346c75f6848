"""Who asks, for what, and by which identifiers."""
