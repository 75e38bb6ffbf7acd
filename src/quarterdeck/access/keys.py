"""The public keys of an issuer: from one address, kept for a while, found by their name.

Rule 1: keys come from the address they are made with. What a token says of where its keys are is not heard.
Rule 2: a key counts only if it is for signatures, public, and of a kind and size that is listed here; each belongs to
        the algorithms of its kind and to no other, so that no key can be used in a way it was not meant for.
Rule 3: keys are asked for anew when they are old, or when a token names one that is not among them; at most once a
        minute, or a few seconds after a failure. A key's name is compared, and never used as anything else.
Rule 4: keys that nobody confirmed for an hour are forgotten: an issuer that takes a key back is obeyed.
Rule 5: whoever waits for keys waits half a second at most. The question goes on without them, for whoever comes next.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwk
from joserfc.errors import JoseError

from quarterdeck.access.seldom import Seldom
from quarterdeck.http import Answer, HttpError, Limits

FRESH_S, KEPT_S = 600.0, 3_600.0
AGAIN_S, RETRY_S = 60.0, 5.0
WAIT_S: Final = 0.5
LIMITS: Final = Limits(connect_s=2.0, silence_s=2.0, total_s=3.0, body=200_000)
"""How long an issuer may take for its keys, and how much it may say."""
MOST_KEYS: Final = 100
RSA_DIGITS: Final = range(342, 1_367)
"""From 2,048 to 8,192 bits, in digits of base64."""

RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
ALGORITHMS: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("RSA", ""): RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA", "Ed25519"}),
}
"""What a key of each kind and curve may be used for. What is not here is not allowed, above all no shared secret."""
ALLOWED: Final = frozenset().union(*ALGORITHMS.values())
PARTS: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

log = logging.getLogger(__name__)


class NotTrustedError(Exception):
    """Why a token is not believed, in our words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class PublicKey(NamedTuple):
    """One key, its name, and what it may be used for."""

    kid: str | None
    algorithms: frozenset[str]
    key: jwk.Key


class _Document(msgspec.Struct):
    keys: list[dict[str, Any]]


class Keys:
    """The keys of one issuer."""

    def __init__(
        self,
        address: str,
        get: Callable[[str], Answer],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wait_s: float = WAIT_S,
    ) -> None:
        """``get`` asks for what is at an address, as a ``Looker`` does."""
        self._address, self._get, self._monotonic, self._wait_s = address, get, monotonic, wait_s
        self._lock = threading.Lock()
        self._known: tuple[PublicKey, ...] = ()
        self._confirmed_at: float | None = None
        self._tried_at: float | None = None
        self._trouble = ""
        self._asking: threading.Event | None = None
        self._grumble = Seldom(log, monotonic)

    def find(self, kid: str | None, algorithm: str) -> jwk.Key:
        """Return the one key that a token is signed with.

        Raises:
            NotTrustedError: when there is none, or more than one.
        """
        fitting = self._fitting(kid, algorithm)
        if not fitting or self._age() > FRESH_S:
            asking = self._ask()
            if not fitting and asking is not None:
                asking.wait(self._wait_s)
                fitting = self._fitting(kid, algorithm)
        if len(fitting) == 1:
            return fitting[0].key
        if fitting:
            raise NotTrustedError("it does not say which of several keys it is signed with")
        raise NotTrustedError(self._trouble or "it is signed with a key that its issuer does not show")

    def _age(self) -> float:
        return float("inf") if self._confirmed_at is None else self._monotonic() - self._confirmed_at

    def _fitting(self, kid: str | None, algorithm: str) -> list[PublicKey]:
        if self._age() > KEPT_S:
            return []
        return [one for one in self._known if algorithm in one.algorithms and kid in (None, one.kid)]

    def _ask(self) -> threading.Event | None:
        """Begin to ask, unless that was done a moment ago; return what ends with the question that is under way."""
        with self._lock:
            now = self._monotonic()
            gap = RETRY_S if self._trouble else AGAIN_S
            if self._asking is None and (self._tried_at is None or now - self._tried_at >= gap):
                self._tried_at, self._asking = now, threading.Event()
                threading.Thread(target=self._fetch, args=(self._asking,), name="keys", daemon=True).start()
            return self._asking

    def _fetch(self, asking: threading.Event) -> None:
        trouble, known = "", self._known
        try:
            known = read_keys(self._get(self._address))
        except HttpError as error:
            trouble = f"the keys of its issuer cannot be had: {error.detail}"
        except NotTrustedError as error:
            trouble = error.why
        except Exception as error:  # noqa: BLE001 -- keys are an issuer's: a mistake of ours must not end the asking
            name = type(error).__name__
            trouble = f"asking for its issuer's keys failed ({name}), which is a mistake in Quarterdeck"
        with self._lock:
            self._trouble, self._known, self._asking = trouble, known, None
            if not trouble:
                self._confirmed_at = self._monotonic()
        asking.set()
        if trouble:
            self._grumble.warn("The signature of a token cannot be checked: %s.", trouble)


def read_keys(answer: Answer) -> tuple[PublicKey, ...]:
    """Return the keys in an answer that can be used.

    Raises:
        NotTrustedError: when it is no list of keys, or none of them can be used.
    """
    if answer.status != HTTPStatus.OK:
        raise NotTrustedError(f"its issuer shows no keys, but the status {answer.status}")
    if not answer.whole:
        raise NotTrustedError("its issuer says more than a list of keys")
    try:
        document = msgspec.json.decode(answer.body, type=_Document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NotTrustedError("its issuer shows something that is no list of keys") from None
    known = tuple(_usable(document.keys[:MOST_KEYS]))
    if not known:
        raise NotTrustedError("its issuer shows no key that can be used")
    return known


def _usable(rows: list[dict[str, Any]]) -> Iterator[PublicKey]:
    for row in rows:
        kind, kid = row.get("kty"), row.get("kid")
        parts = {part: row.get(part) for part in PARTS.get(kind, ())} if isinstance(kind, str) else {}
        allowed = ALGORITHMS.get((kind, str(parts.get("crv", "")))) if isinstance(kind, str) else None
        if allowed is None or not _is_for_signatures(row) or not all(isinstance(one, str) for one in parts.values()):
            continue
        if kind == "RSA" and len(str(parts["n"])) not in RSA_DIGITS:
            continue
        said = row.get("alg")
        allowed = allowed if said is None else allowed & {said} if isinstance(said, str) else frozenset()
        if not allowed or not (kid is None or isinstance(kid, str)):
            continue
        try:
            key = jwk.import_key({"kty": str(kind), **{name: str(value) for name, value in parts.items()}})
        except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
            continue  # one that is broken does not spoil the others, and a token that needs it is refused
        yield PublicKey(kid, allowed, key)


def _is_for_signatures(row: Mapping[str, object]) -> bool:
    verbs = row.get("key_ops")
    verifies = verbs is None or (isinstance(verbs, list) and "verify" in verbs)
    return row.get("use") in (None, "sig") and verifies and not PRIVATE & row.keys()
