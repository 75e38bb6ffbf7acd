"""A program that behaves as Gitleaks 8 does on its standard input, as far as we ask it.

It was held against the real one, release 8.30.1: the arguments, the codes it ends with, the form of its answer, and
that with ``--redact`` it does not repeat what it found. Put into a folder as ``gitleaks``, it takes every ``planted``
for a token.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = """#!{python}
import json, sys
text = sys.stdin.read()
arguments = sys.argv[1:]
assert arguments[0] == "stdin" and "--redact" in arguments and "--ignore-gitleaks-allow" in arguments
code = int(arguments[arguments.index("--exit-code") + 1])
hits = text.count("planted")
found = [dict(RuleID="generic-api-key", StartLine=1, Match="REDACTED", Secret="REDACTED") for _ in range(hits)]
{misbehaves}
print(json.dumps(found))
sys.exit(code if found else 0)
"""


def install(folder: Path, misbehaves: str = "") -> dict[str, str]:
    """Put the program into a folder; return the environment in which it is found."""
    program = folder / "gitleaks"
    program.write_text(PROGRAM.format(python=sys.executable, misbehaves=misbehaves))
    program.chmod(0o755)
    return {"PATH": str(folder)}
