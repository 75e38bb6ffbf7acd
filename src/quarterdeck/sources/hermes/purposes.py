"""What a secret is for, by the name it goes by and by the form in which its issuer makes it.

Rule: only the beginning of a value is looked at, and only to tell whose it is and whether a person or a machine got it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from quarterdeck.redaction import holds_secret


class Use(NamedTuple):
    """What a name tells."""

    purpose: str = "not known"
    provider: str | None = None


def _uses(purpose: str, names: str) -> Iterator[tuple[str, Use]]:
    """Read ``NAME`` and ``NAME=provider`` off a line."""
    for entry in names.split():
        name, _, provider = entry.partition("=")
        yield name, Use(purpose, provider or name.lower().replace("_", "-"))


USES: Final[Mapping[str, Use]] = {
    **dict(
        _uses(
            "calling models",
            "OPENROUTER ANTHROPIC CLAUDE_CODE=anthropic OPENAI GOOGLE GEMINI=google XAI NVIDIA LM=lmstudio GLM=zai ZAI"
            " Z_AI=zai KIMI MOONSHOT=kimi STEPFUN ARCEEAI=arcee GMI FIREWORKS MINIMAX DEEPSEEK DASHSCOPE=qwen QWEN"
            " OPENCODE HF=huggingface OLLAMA XIAOMI UPSTAGE AWS AZURE MISTRAL GROQ COHERE TOGETHER PERPLEXITY CEREBRAS"
            " NOUS COPILOT=github-copilot",
        )
    ),
    **dict(
        _uses(
            "chat platform",
            "TELEGRAM DISCORD SLACK MATTERMOST MATRIX BLUEBUBBLES QQ=qqbot IRC SIGNAL WHATSAPP FEISHU DINGTALK WECOM"
            " WEIXIN TWILIO=sms EMAIL SMTP=email IMAP=email HASS=homeassistant MSGRAPH",
        )
    ),
    **dict(
        _uses(
            "tool or skill",
            "EXA PARALLEL FIRECRAWL TOOL_GATEWAY TAVILY BRAVE BRAVE_SEARCH=brave BROWSERBASE BROWSER_USE CAMOFOX FAL"
            " KREA VOICE_TOOLS_OPENAI=openai ELEVENLABS NOTION LINEAR AIRTABLE TENOR HONCHO HINDSIGHT SUPERMEMORY MEM0"
            " RETAINDB BRV OPENVIKING HERMES_LANGFUSE=langfuse LANGFUSE SPOTIFY SERPAPI",
        )
    ),
    **dict(_uses("source code", "GITHUB GH=github GITLAB GITEA FORGEJO BITBUCKET CODEBERG")),
    **dict.fromkeys(("API_SERVER", "WEBHOOK", "GATEWAY_PROXY", "DASHBOARD"), Use("letting callers in")),
    "SUDO": Use("root rights on its machine"),
}
"""What begins so is for this."""

ISSUERS: Final = frozenset(use.provider for use in USES.values() if use.provider)

SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:KEY|APIKEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|PWD|PASSPHRASE|CREDENTIALS?|DSN|COOKIE|PAT|SEED|AUTH"
    r"|AUTHORIZATION)(?:_?\d{1,2})?$"
)
PUBLIC: Final = re.compile(r"(?:^|_)PUBLIC_")
PASSWORDS: Final = re.compile(r"(?:^|_)(?:PASSWORD|PASSWD|PASS|PWD|PASSPHRASE)(?:_?\d{1,2})?$")
TOKENS: Final = re.compile(r"(?:^|_)(?:TOKEN|PAT|AUTH|AUTHORIZATION|COOKIE)(?:_?\d{1,2})?$")

FORMS: Final = (
    (re.compile(r"gh[op]_|ghu_|github_pat_"), "personal token", "github"),
    (re.compile(r"ghs_"), "token", "github"),
    (re.compile(r"glpat-"), "personal token", "gitlab"),
    (re.compile(r"xoxp-"), "personal token", "slack"),
    (re.compile(r"xox[a-z]-|xapp-"), "token", "slack"),
    (re.compile(r"sk-ant-oat"), "login", "anthropic"),
    (re.compile(r"sk-ant-"), "key", "anthropic"),
    (re.compile(r"sk-or-"), "key", "openrouter"),
    (re.compile(r"ya29\."), "login", "google"),
    (re.compile(r"AIza"), "key", "google"),
    (re.compile(r"hf_"), "token", "huggingface"),
    (re.compile(r"gsk_"), "key", "groq"),
    (re.compile(r"xai-"), "key", "xai"),
    (re.compile(r"tvly-"), "key", "tavily"),
    (re.compile(r"AKIA"), "key", "aws"),
    (re.compile(r"\d{8,10}:[\w-]{35}$"), "token", "telegram"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), "private key", None),
)
"""How issuers begin what they issue, and to whom: a person's own, or a machine's."""

NOT_YET: Final = frozenset({"changeme", "none", "null", "true", "false", "dummy", "placeholder", "insecure_no_auth"})
"""What stands where a secret should be and is none."""


def is_secret(name: str, value: str) -> bool:
    """Whether a setting is a secret, by its name or by the looks of its value."""
    if is_none(value):
        return False
    name = name.upper()
    by_name = SECRET_NAME.search(name) is not None and PUBLIC.search(name) is None
    return by_name or holds_secret(value) or FORMS[-1][0].match(value) is not None


def is_none(value: str) -> bool:
    """Whether a value is no secret itself: empty, a reference to another place, or a word that stands for one."""
    text = value.strip("= \t\r\n").lower()
    return not text or text in NOT_YET or text.startswith(("$", "<", "your", "op://", "file:"))


def use_of(name: str) -> Use:
    """Return what a secret is for, by the longest beginning of its name that is known."""
    parts = name.upper().split("_")
    beginnings = ("_".join(parts[:number]) for number in range(len(parts), 0, -1))
    return next((USES[each] for each in beginnings if each in USES), Use())


def form_of(name: str, value: str) -> tuple[str, str | None]:
    """Return of what form a secret is, and who issued it where the form tells that."""
    for beginning, form, issuer in FORMS:
        if beginning.match(value):
            return form, issuer
    upper = name.upper()
    by_name = "password" if PASSWORDS.search(upper) else "token" if TOKENS.search(upper) else "key"
    return by_name, None
