"""What may be said of a repository on a forge.

Rule 1: that the forge does not show a repository is no proof that it is gone: it says the same of what a token may not
        see. What cannot be read is unknown, with what the forge said.
Rule 2: a list that was cut, or changed while it was read, is no list of everything.
"""

from __future__ import annotations

from typing import Final

from quarterdeck.truth import forge_fields as G  # noqa: N812 -- as the fields of other kinds are written
from quarterdeck.truth.judgement import Facts, Rule, Status, counted

UNREAD: Final = {
    "gone": "is gone, or is not shown to this token any more",
    "denied": "may not be read with this token",
    "failing": "could not be read",
}


def _unread(f: Facts) -> str:
    said = f.get(G.REPO_SAID)
    words = UNREAD[f.get(G.REPO_STATE) or "failing"]
    return f"{words}: {said}" if said else words


def _torn(f: Facts) -> str:
    parts = (("pull requests", f.get(G.PULLS_WHOLE)), ("issues", f.get(G.ISSUES_WHOLE)))
    lists = " and of ".join(name for name, whole in parts if whole is False)
    return f"its list of {lists} was not whole: some may be missing here"


def _open(f: Facts) -> str:
    pulls, issues = f.get(G.OPEN_PULLS) or 0, f.get(G.OPEN_ISSUES) or 0
    return f"{counted(pulls, 'pull request')} and {counted(issues, 'issue')} open"


REPO: tuple[Rule, ...] = (
    Rule("not readable", Status.UNKNOWN, lambda f: f[G.REPO_STATE] in UNREAD, _unread),
    Rule(
        "archived",
        Status.OK,
        lambda f: f[G.REPO_STATE] == "archived",
        "archived: nothing moves in it any more",
        retired=True,
    ),
    Rule("not whole", Status.UNKNOWN, lambda f: not (f[G.PULLS_WHOLE] and f[G.ISSUES_WHOLE]), _torn),
    Rule("there", Status.OK, lambda f: f[G.OPEN_PULLS] >= 0 and f[G.OPEN_ISSUES] >= 0, _open),
)
