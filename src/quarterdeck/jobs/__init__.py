"""The clock: when things are to run, and what became of each run that was due."""
