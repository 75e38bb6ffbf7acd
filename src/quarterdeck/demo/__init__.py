"""A fleet that does not exist, made to be looked at: for trying everything without owning an agent."""
