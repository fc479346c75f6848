"""Many requests, one notebook run each."""
