"""What credentials look like: one table.

Rule 1: a rule begins at a literal. Texts are searched for literals, which is quick; a pattern is tried only where one
        was found, and is compiled when that happens first.
Rule 2: a pattern cannot be made slow. What it looks ahead for is bounded, and what is not bounded cannot be tried twice
        (``++``) or ends in a match, after which the search goes on behind it.
Rule 3: a name in front of a value proves little: ``password: Optional[str]`` is a program. Such a value must also look
        as if nobody had meant it to be read (``looks_random``).
"""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

Check = Callable[[re.Match[str]], bool]


class Rule(NamedTuple):
    """One form of credential."""

    name: str
    hints: tuple[str, ...]
    """Literals in small letters, one of which stands where a match begins."""
    pattern: str
    """What stands there. The group ``s``, where there is one, is what is masked; else all of it."""
    behind: str | None = None
    """What must end where a match begins. Where there is no group ``s``, it is masked as well."""
    whole: bool = True
    """Whether a match begins a word of its own."""
    check: Check | None = None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when it is first needed: a program that runs for a tenth of a second needs few of them."""
    return re.compile(pattern)


# --- values behind a name ---------------------------------------------------------------------------------------------

PLACEHOLDERS: Final = (
    r"(?i)(?:your|my|the|some|an?|new|old|insert|enter|add|set|use|get|see|from)[-_ ].*|x{6,}|\*{3,}.*|passwor[dt]"
    r"|p(?:ass)?w(?:or)?d|secret|token|null|none|nil|true|false|undefined|test(?:ing)?|123456(?:78(?:90?)?)?"
    r"|abc(?:def)?(?:123)?|foo(?:bar)?(?:baz)?|[\W_]+"
)
PLACED: Final = (
    r"(?i)\.\.\.|(?:change|replace)[-_]?(?:me|this|it)|placeholder|redacted|example|dummy|no[-_]?key"
    r"|not[-_]?(?:needed|used|set|required)"
)
"""What stands where a value will one day stand."""

CODE: Final = (
    r"[/~.$<%@]|https?:|file:|env[.:]|os\.|process\.|self\.|this\.|config\.|settings\.|args\.|secrets?\.|\d{4}-\d\d-\d\d"
    r"|[A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)+$|[A-Z][A-Z0-9]*+(?:_[A-Z0-9]++)+$|[a-z]++(?:_[a-z0-9]++)+$"
    r"|[a-z]++(?:-[a-z]++)*-?\d{0,3}$|[A-Z][a-z]++(?:[A-Z][a-z]++)*\d?$"
)
"""Paths, references, names of things, dates: what a program or a setting has behind a name, and no secret."""

NOT_ITSELF: Final = (
    r"(?i)(?:[_.-]|(?<=key)|(?<=token)|(?<=tokens)|(?<=secret)|(?<=password))(?:name|names|id|ids|type|kind|file|files|path|dir|folder|url|uri|host|port|count|counts|limit|limits|total"
    r"|max|min|length|len|size|budget|usage|used|age|ttl|expiry|expires?(?:[-_]?(?:at|in|on))?|at|hash|algorithm|format"
    r"|policy|rule|status|state|source|mode|scope|scopes|provider|label|hint|help|prefix|version|env|var|header|endpoint"
    r"|fingerprint|field|column|index|ref|refs|required|enabled|valid|present|set)$"
)
"""How a name ends that speaks about a secret without being its name: ``token_type``, ``max_tokens_limit``."""

LETTER, DIGIT, SMALL, LARGE, SIGN = "[A-Za-z]", r"\d", "[a-z]", "[A-Z]", r"[^\w.\s-]"


def looks_random(value: str, *, quoted: bool = False) -> bool:
    """Whether a value looks as if nobody was meant to read it: letters and digits, or quoted and of many kinds."""
    if not (compiled(DIGIT).search(value) and compiled(LETTER).search(value)):
        if not quoted:
            return False
        if sum(compiled(kind).search(value) is not None for kind in (SMALL, LARGE, SIGN)) < 2:  # noqa: PLR2004 -- many
            return False
    return not is_placeholder(value) and compiled(CODE).match(value) is None


def is_placeholder(value: str) -> bool:
    """Whether a value only stands where a value will one day stand."""
    return compiled(PLACEHOLDERS).fullmatch(value) is not None or compiled(PLACED).search(value) is not None


def _keyed(found: re.Match[str]) -> bool:
    name = found["k"].lower()
    return (
        name != "tokens"
        and looks_random(found["s"], quoted=found["q"] is not None)
        and compiled(NOT_ITSELF).search(name) is None
    )


def _scheme(found: re.Match[str]) -> bool:
    return len(found["s"]) >= LONG or looks_random(found["s"])


def _login(found: re.Match[str]) -> bool:
    return not re.fullmatch(r"(?i)\$.*|%[sd(].*|<.*|x+|\*+|p(?:ass)?w(?:or)?d?|password|secret|token|\.{3}", found["s"])


def _basic(found: re.Match[str]) -> bool:
    told = decoded(found["s"])
    return told is not None and ":" in told


def _said(found: re.Match[str]) -> bool:
    return (
        re.search("(?i)token|secret|key|passwor|credential", found[0][: found.start("s") - found.start()]) is not None
    )


LONG: Final = 20
VALUE: Final = r"(?P<s>[^\s\"'`,;<>(){}\[\]\\&|]{8,64}+)"
"""As much of a value as is looked at; how it goes on is found by ``REST``."""
REST: Final = r"[^\s\"'`,;<>(){}\[\]\\&|]*+"
SEPARATED: Final = (
    r"[\w.-]{0,40}+)(?:\\?[\"'`]|\])?(?:\s{0,5}(?:=>|:=|[:=])\s{0,5}|\s{1,3}(?i:is|was|ist|lautet):?\s{1,3})"
    r"(?:[brfu]{0,2}(?P<q>\\?[\"'`]))?" + VALUE
)
KEYED: Final = r"(?P<k>(?i:passw|passphrase|pwd|secret|token|credential|_pass|_pat|_dsn|_auth)" + SEPARATED
KEY: Final = r"(?P<k>(?i:key)" + SEPARATED
WHOSE_KEY: Final = (
    r"(?i)(?:api|access|auth|private|pre-?shared|signing|encryption|master|account|secret|app|service|license|session"
    r"|subscription)[_ -]?$|[A-Za-z][_-]$"
)
"""What stands before ``key`` when it is one that opens something. In JSON, ``key`` alone is any name."""
FLAG: Final = (
    r"--?(?P<k>(?i:pass(?:word|phrase)?|token|secret|api[-_]?key|access[-_]?key|auth(?:[-_]?(?:key|token))?))[ =]"
    r"(?P<q>[\"'])?" + VALUE
)
HAS_DIGIT: Final = r"(?=[\w-]{0,40}\d)"

AUTHORIZATION: Final = (
    r"(?i)authorization\\?[\"'`]?\s{0,5}[:=]\s{0,5}\\?[\"'`]?(?:(?:bearer|basic|token|digest|negotiate)\s{1,5})?"
) + VALUE
COOKIE: Final = r"(?i)cookie\"?:\s{0,5}\"?(?=[^\r\n\"';]{1,80}=)(?P<s>[^\r\n\"'\[\]]{12,}+)"
LOGIN: Final = r"://[^/\s:@\"'<>\[\]]{0,100}+:(?P<s>[^/\s@\"'<>\[\]]{1,200}+)@"
LABELLED: Final = r"(?i)(?:gitea|forgejo|codeberg)[^\n]{0,80}?\b(?P<s>[0-9a-f]{40})\b"
NAMES: Final = ("passw", "passphrase", "pwd", "secret", "token", "credential", "_pass", "_pat", "_dsn", "_auth")

# --- the table --------------------------------------------------------------------------------------------------------

RULES: Final[tuple[Rule, ...]] = (
    Rule("anthropic", ("sk-ant-",), r"sk-ant-[\w-]{12,}"),
    Rule("sk_key", ("sk-", "pk-", "rk-"), r"(?i:[spr]k)-(?:(?=[\w-]{0,40}\d)[\w-]{12,}|[A-Za-z0-9]{20,})"),
    Rule("stripe", ("sk_", "pk_", "rk_"), r"(?i:[spr]k)_(?:(?=\w{0,40}\d)\w{12,}|[A-Za-z0-9]{20,})"),
    Rule("github", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"(?i)gh[pousr]_\w{16,}"),
    Rule("github", ("github_pat_",), r"(?i)github_pat_\w{16,}"),
    Rule(
        "gitlab",
        ("glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glsoat-"),
        r"(?i)gl(?:pat|oas|dt|rtr?|cbt|ptt|ft|imt|agent|soat)-[\w.-]{16,}",
    ),
    Rule("slack", ("xox",), r"(?i)xox[a-z](?:\.xox[a-z])?-[\w-]{10,}"),
    Rule("slack", ("xapp-",), r"(?i)xapp-[\w-]{10,}"),
    Rule("slack_hook", ("hooks.slack.com/",), r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<s>[\w/]{20,})"),
    Rule("google", ("aiza",), r"(?i)aiza[\w-]{20,}"),
    Rule("google_oauth", ("ya29.", "gocspx-"), r"(?:ya29\.|GOCSPX-)[\w.-]{20,}"),
    Rule("google_oauth", ("1//0",), r"1//0[\w-]{30,}"),
    Rule("aws", ("akia", "asia", "abia", "acca"), r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}"),
    Rule("huggingface", ("hf_",), r"(?i)hf_[A-Za-z0-9]{16,}"),
    Rule(
        "model_key",
        ("gsk_", "xai-", "pplx-", "tvly-", "nvapi-", "csk-", "fw_", "r8_", "jina_", "pcsk_", "lsv2_", "hsk-"),
        r"(?i)(?:gsk_|xai-|pplx-|tvly-|nvapi-|csk-|fw_|r8_|jina_|pcsk_|lsv2_|hsk-)" + HAS_DIGIT + r"[\w-]{16,}",
    ),
    Rule(
        "tool_key",
        ("fc-", "exa_", "fal_", "mem0_", "bb_live_", "syt_", "brv_", "ntn_", "lin_api_", "e2b_", "am_", "figd_"),
        r"(?i)(?:fc-|(?:exa|fal|mem0|bb_live|syt|brv|ntn|lin_api|e2b|am|figd)_)" + HAS_DIGIT + r"[\w-]{20,}",
    ),
    Rule("registry", ("npm_", "dckr_pat_", "pypi-"), r"(?:npm_|dckr_pat_|pypi-)" + HAS_DIGIT + r"[\w-]{20,}"),
    Rule(
        "cloud",
        ("dop_v1_", "doo_v1_", "dor_v1_", "hvs.", "hvb.", "tskey-", "glsa_", "glc_", "sntrys_", "shpat_", "shpss_"),
        r"(?:do[opr]_v1_|hv[sb]\.|tskey-|glsa_|glc_|sntrys_|shp(?:at|ss)_)[\w.+/=-]{16,}",
    ),
    Rule("sendgrid", ("sg.",), r"SG\.(?=[\w-]{0,40}\d)[\w-]{10,}+(?:\.[\w-]*+)?"),
    Rule("atlassian", ("atatt3x",), r"ATATT3x[\w=.-]{20,}"),
    Rule("hook_secret", ("whsec_",), r"whsec_[\w+/=]{16,}"),
    Rule("age_key", ("age-secret-key-1",), r"(?i)age-secret-key-1[a-z0-9]{40,}"),
    Rule("fernet", ("gaaaa",), r"gAAAA[\w=-]{40,}"),
    Rule("telegram_bot", (":aa",), r":AA[\w-]{30,}", behind=r"(?<![0-9])\d{8,10}$", whole=False),
    Rule("discord_hook", ("/api/webhooks/",), r"/api/webhooks/\d{15,20}/(?P<s>[\w-]{30,})", whole=False),
    Rule("jwt", ("eyj",), r"eyJ[\w-]{8,400}+\.[\w-]{8,}+(?:\.[\w-]*+)?"),
    Rule(
        "private_key",
        ("-----begin",),
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[A-Za-z0-9+/=\s:,\\]++|-(?!----))*+(?:-----END [A-Z0-9 ]{0,40}-----)?",
        whole=False,
    ),
    Rule("private_key", ("putty-user-key",), r"(?s)PuTTY-User-Key-File-\d:.{0,4000}?Private-MAC: *[0-9a-f]+"),
    Rule(
        "authorization",
        ("authorization",),
        AUTHORIZATION,
        whole=False,
        check=_scheme,
    ),
    Rule("bearer", ("bearer",), r"(?i)bearer(?:\s|%20|\+){1,5}\\?[\"']?(?P<s>[\w.~+/=-]{8,64}+)", check=_scheme),
    Rule("basic", ("basic ",), r"(?i)basic\s{1,5}(?P<s>[A-Za-z0-9+/_-]{8,128}+={0,2})", check=_basic),
    Rule("cookie", ("cookie:", 'cookie":'), COOKIE),
    Rule("url_login", ("://",), LOGIN, whole=False, check=_login),
    Rule("url_login", ("://",), r"://(?=[\w-]{0,40}\d)(?P<s>[\w-]{20,200}+)@", whole=False),
    Rule(
        "signed_url", ("&sig=", "?sig=", "-signature="), r"(?i)[&?-]sig(?:nature)?=(?P<s>[\w%+/=-]{20,})", whole=False
    ),
    Rule("labelled", ("gitea", "forgejo", "codeberg"), LABELLED, whole=False, check=_said),
    Rule("flag", ("--pass", "--token", "--secret", "--api", "--access", "--auth"), FLAG, whole=False, check=_keyed),
    Rule("keyed", NAMES, KEYED, whole=False, check=_keyed),
    Rule("keyed", ("key",), KEY, behind=WHOSE_KEY, whole=False, check=_keyed),
)
"""Every rule. Where two hold of one place, the first names it."""

BASE64: Final = r"[A-Za-z0-9+/_-]{24,}+={0,2}"
DISCORD: Final = r"[MNO][\w-]{22,27}\.[\w-]{6,7}\.[\w-]{27,}"
"""The token of a Discord bot begins with no literal: it is looked for where base64 is."""


def decoded(text: str) -> str | None:
    """Return what base64 says, when that is text."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(plain) % 4 == 1:
        plain = plain[:-1]
    try:
        told = a2b_base64(plain + "=" * (-len(plain) % 4)).decode("ascii")
    except (NotBase64, ValueError):
        return None
    return told if told.isprintable() or all(c.isprintable() or c in "\r\n\t" for c in told) else None
