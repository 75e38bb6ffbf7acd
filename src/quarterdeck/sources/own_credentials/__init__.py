"""The secrets that Quarterdeck itself uses: where each lies, who may read it, how old it is. Never what it is."""

from __future__ import annotations

from quarterdeck.sources.own_credentials.source import InDatabase, InFile, Own, OwnCredentials, Told

__all__ = ["InDatabase", "InFile", "Own", "OwnCredentials", "Told"]
