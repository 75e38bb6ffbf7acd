"""Memory: what was known when, kept in one database. The only room that knows tables."""
