"""What follows from readings, proven by cases and by properties."""
