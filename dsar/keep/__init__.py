"""What is kept, for how long, and what ends it."""
