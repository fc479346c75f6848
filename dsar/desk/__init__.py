"""The analyst's counter: what comes in, what stands where, and what goes out."""
