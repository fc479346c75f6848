"""The law as tables: rights, and later deadlines and retention."""
