"""The key that signs evidence, and the end of the chain of what it signed.

Rule 1: it is made at the first use, lies in the state directory for its owner alone, and never leaves it. Who may read
        it may sign in its name: a key that others can read is refused.
Rule 2: what was signed last is noted when the evidence lies in its place, not before.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from quarterdeck.cli.evidence_file import TYPE
from quarterdeck.errors import ConfigurationError, UsageError

KEY: Final = "evidence.key"
LAST: Final = "evidence.last"
LIMIT: Final = 10_000
NEW: Final = "Move it away; a new key is made at the next use."


class Signer:
    """A key, and what it signed last."""

    def __init__(self, folder: Path) -> None:
        """Take the key in a folder, making both when they are not there.

        Raises:
            ConfigurationError: when the key cannot be made, or is not for its owner alone.
        """
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._key = _load(folder / KEY) or _make(folder / KEY)
        except OSError as error:
            raise ConfigurationError(
                f"The key for evidence cannot be kept in {folder} ({os.strerror(error.errno or 0)})",
                "See who owns that folder.",
            ) from None

    @property
    def public(self) -> str:
        """The public key, as it stands in evidence."""
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return TYPE + b64encode(raw).decode()

    @property
    def last(self) -> str | None:
        """The end of the chain of the evidence before; None before the first."""
        try:
            text = (self._folder / LAST).read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return text if len(text) == 64 and set(text) <= set("0123456789abcdef") else None  # noqa: PLR2004 -- SHA-256

    def sign(self, content: bytes) -> bytes:
        """Sign."""
        return self._key.sign(content)

    def note(self, chain: str) -> None:
        """Note the end of the chain of evidence that lies in its place."""
        draft = self._folder / f"{LAST}.{os.getpid()}"
        draft.write_text(f"{chain}\n", encoding="ascii")
        draft.replace(self._folder / LAST)


def _load(file: Path) -> Ed25519PrivateKey | None:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as found:
        about, content = os.fstat(found.fileno()), found.read(LIMIT)
    if about.st_mode & 0o077 or about.st_uid != os.geteuid():
        raise ConfigurationError(
            f"Others than its owner may read or own {file}, so it proves nothing any more",
            NEW,
        )
    try:
        key = serialization.load_pem_private_key(content, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(
            f"{file} holds no key for evidence", "Move it away; a new key is made at the next use."
        )
    return key


def _make(file: Path) -> Ed25519PrivateKey:
    """Make a key. It appears whole or not at all, and of two that are made at once the first holds."""
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        os.link(draft, file)
    except FileExistsError:
        return _load(file) or key
    finally:
        draft.unlink(missing_ok=True)
    return key


def is_key(text: str) -> bool:
    """Whether a text names a public key."""
    return _public(text) is not None


def verify(key: str, signature: bytes, content: bytes) -> bool:
    """Whether a signature over some content is that of a key."""
    public = _public(key)
    if public is None:
        return False
    try:
        public.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _public(text: str) -> Ed25519PublicKey | None:
    if not text.startswith(TYPE):
        return None
    try:
        raw = b64decode(text.removeprefix(TYPE), validate=True)
        return Ed25519PublicKey.from_public_bytes(raw) if b64encode(raw).decode() == text.removeprefix(TYPE) else None
    except (NotBase64, ValueError):
        return None


def named(text: str) -> str:
    """Read a public key as somebody typed it: itself, with or without its type.

    Raises:
        UsageError: when it is none.
    """
    key = text if text.startswith(TYPE) else TYPE + text
    if not is_key(key):
        raise UsageError(
            "--key names no public key", "It is printed by `quarterdeck evidence` and begins with ed25519:."
        )
    return key
