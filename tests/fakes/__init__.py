"""Named stand-ins for parts that cannot be had in a test, each with tests of its own."""
