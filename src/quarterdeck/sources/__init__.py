"""Eyes: read-only adapters, one folder per source, and the two doors through which they open anything on disk."""
