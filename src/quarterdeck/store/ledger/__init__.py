"""The ledger: what must not be lost and must not be doubted. Who has come in is kept here."""
