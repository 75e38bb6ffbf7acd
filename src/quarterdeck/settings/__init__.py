"""What the operator decided, read once and strictly, as one frozen object.

Rule 1: nothing needs to be decided. Without a file the agent's homes of this user are found and shown.
Rule 2: a word that is not known and a value that does not fit are errors. They name the file, the line and the way
        out, and all of them are said at once.
Rule 3: a secret never stands in the file. The file says where it lies, and it must be there and be nobody else's.
"""

from __future__ import annotations

from quarterdeck.settings.load import load
from quarterdeck.settings.mistakes import Mistake, SettingsError
from quarterdeck.settings.model import Settings, Units

__all__ = ["Mistake", "Settings", "SettingsError", "Units", "load"]
