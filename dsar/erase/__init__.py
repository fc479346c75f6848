"""What is to be erased, kept or waited for, and the checklists that say so."""
