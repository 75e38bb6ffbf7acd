"""The terminal: what can be asked and done by command. Thin: it parses, calls, prints and says how it went."""
