"""The one door to the network: what is asked, whom, for how long, and what an answer may be.

Rule 1: who looks can only look. A ``Looker`` has ``get`` and ``head``, and no other method reaches it; nor does one
        reach a ``LocalLooker``, who looks at one unix socket, or a ``Reader``, who has many questions for one server.
        Only a ``Poster`` sends anything, each to one address.
Rule 2: everything is bounded: the connection, each silence, the whole, and the size. A server that sends one byte a
        second is given up like one that sends none.
Rule 3: exactly what was named is asked. No redirect is followed, no proxy of the environment is used, no cookie is
        kept, no login is taken from an address.
Rule 4: a name is resolved once, each of its addresses is judged, and the one that was judged is the one connected to.
        Loopback, private and tailnet addresses are the operator's to name. Those that lead to nobody or to a cloud's
        own machinery are refused, in whatever form they are written.
Rule 5: what goes wrong has a typed reason in our words. Nothing that a server sent is quoted.
Rule 6: only what can be asked twice is asked twice, and only once more: a look whose line was cut before any answer.
"""

from __future__ import annotations

from quarterdeck.http.addresses import Resolve, is_allowed, system_resolve
from quarterdeck.http.client import PORTS, Answer
from quarterdeck.http.faults import REASONS, Fault, HttpError
from quarterdeck.http.limits import LIMITS, Limits
from quarterdeck.http.local import LocalLooker
from quarterdeck.http.looker import Looker
from quarterdeck.http.poster import Poster
from quarterdeck.http.prompter import Prompter

__all__ = [
    "LIMITS",
    "PORTS",
    "REASONS",
    "Answer",
    "Fault",
    "HttpError",
    "Limits",
    "LocalLooker",
    "Looker",
    "Poster",
    "Prompter",
    "Resolve",
    "is_allowed",
    "system_resolve",
]
