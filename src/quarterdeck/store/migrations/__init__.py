"""How the tables of one release become those of the next. What was released is never changed again."""
