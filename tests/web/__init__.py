"""Pages and API over a hub whose snapshot and clock the test holds."""
