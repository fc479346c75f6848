"""Collect what a person's identifiers lead to; hold what may be somebody else's."""
