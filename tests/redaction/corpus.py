"""What the rules were made for: the forms they name, in the places where agents leave them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from tests.redaction.made import Made, made

FORMS: Final = {
    "anthropic": "sk-ant-api03-{b64u:93}AA",
    "openai": "sk-{an:48}",
    "openai project": "sk-proj-{b64u:120}",
    "openrouter": "sk-or-v1-{hex:64}",
    "stripe": "sk_live_{an:24}",
    "elevenlabs": "sk_{hex:48}",
    "github": "ghp_{an:36}",
    "github app": "ghs_{an:36}",
    "github fine-grained": "github_pat_{an:22}_{an:59}",
    "gitlab": "glpat-{b64u:20}",
    "slack": "xoxb-{d:12}-{d:12}-{an:24}",
    "slack app": "xapp-1-{up:11}-{d:13}-{hex:64}",
    "google": "AIza{b64u:35}",
    "google oauth": "ya29.{b64u:80}",
    "google client": "GOCSPX-{b64u:28}",
    "aws": "AKIA{b32:16}",
    "huggingface": "hf_{a:34}",
    "groq": "gsk_{an:52}",
    "xai": "xai-{an:80}",
    "perplexity": "pplx-{an:48}",
    "tavily": "tvly-dev-{an:32}",
    "nvidia": "nvapi-{b64u:64}",
    "firecrawl": "fc-{hex:32}",
    "exa": "exa_{an:36}",
    "notion": "ntn_{an:46}",
    "linear": "lin_api_{an:40}",
    "npm": "npm_{an:36}",
    "docker": "dckr_pat_{b64u:27}",
    "digitalocean": "dop_v1_{hex:64}",
    "vault": "hvs.{b64u:90}",
    "tailscale": "tskey-auth-{an:12}CNTRL-{an:32}",
    "grafana": "glsa_{an:32}_{hex:8}",
    "sendgrid": "SG.{b64u:22}.{b64u:43}",
    "telegram": "{d:10}:AA{b64u:33}",
    "discord": "M{an:23}.{b64u:6}.{b64u:27}",
    "jwt": "{jwt}",
    "age": "AGE-SECRET-KEY-1{up:58}",
}

CONTEXTS: Final[dict[str, Callable[[str], str]]] = {
    "alone": str,
    "environment": lambda secret: f"export SERVICE_API_KEY={secret}\n",
    "yaml": lambda secret: f"  service:\n    api_key: {secret}\n    region: eu\n",
    "json": lambda secret: json.dumps({"name": "service", "value": secret, "n": 7}),
    "json in json": lambda secret: json.dumps({"content": json.dumps({"out": f"first\n{secret}\nlast"})}),
    "chat": lambda secret: f"Sure, here it is: {secret}, please keep it safe.",
    "quoted": lambda secret: f"I ran `curl -H 'X-Key: {secret}' https://example.org/v1` and it said 200.",
    "header": lambda secret: f"> Authorization: Bearer {secret}\n> Accept: */*",
    "address": lambda secret: f"GET /v1/items?limit=20&access_token={secret}&page=2 HTTP/1.1",
    "base64": lambda secret: f"data: {b64encode(f'value {secret} end'.encode()).decode()}",
}

KEYED: Final = (
    "DB_PASSWORD=«{pw}»",
    "password: «{pw}»",
    'db_password = "«{pw}»"',
    "postgresql://app:«{pw}»@db.example.org:5432/app",
    "client_secret=«{an:40}»",
    "aws_secret_access_key = «{b64:40}»",
    "GITEA_TOKEN=«{hex:40}»",
    "Authorization: Basic «{basic}»",
    "authorization: token «{hex:40}»",
    '{{"refresh_token": "«{b64u:64}»"}}',
    "PrivateKey = «{b64:43}=»",
    "AccountKey=«{b64:86}==»;EndpointSuffix=core",
    "my gitea token is «{hex:40}», take it",
    "the password is «{pw}» for now",
    "deploy --token «{an:32}» --verbose",
    "https://hooks.slack.com/services/«T{up:8}/B{up:10}/{an:24}»",
    "https://discord.com/api/webhooks/{d:18}/«{b64u:68}»",
    "https://api.telegram.org/bot«{d:10}:AA{b64u:33}»/getMe",
    "Set-Cookie: session=«{b64u:43}»",
    "https://x.blob.example/y?sv=2024&sig=«{b64u:43}»%3D",
    "«{pem:rsa}»",
    "«{pem:ssh}»",
)


def corpus() -> Iterator[Made]:
    """Every form in every context, and every value that only its name gives away."""
    rnd = Random(8)
    for name, form in FORMS.items():
        for context, written in CONTEXTS.items():
            secret = made(name, form, rnd).secret
            yield Made(f"{name}, {context}", written(secret), secret)
    for text in KEYED:
        yield made(text, text, rnd)


HARMLESS: Final = (
    "password: Optional[str] = None",
    "def login(token: str, password: str) -> Token:",
    "tokens_24h: 1843, max_tokens=4096",
    '"max_tokens": 8192, "token_type": "bearer", "expires_in": 3600',
    "key=lambda item: item.name",
    "OPENAI_API_KEY=your-key-here",
    "password = os.environ['DB_PASSWORD']",
    "api_key: ${OPENAI_API_KEY}",
    "token = get_token(user)",
    "secret_name: my-app-secret",
    "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "session 20261120_235801_a1b2c3 of cron_934a7b9942d5",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "a1b2c3d4-e5f6-4a5b-8c9d-0e1f2a3b4c5d",
    "https://example.org/path?x=1#frag",
    "http://localhost:5000/<%= @variable %>",
    "git@github.com:owner/project.git",
    "https://user@example.org/",
    "ssh://git@host:22/x.git",
    "redis://localhost:6379/0",
    "Bearer bonds are not bearer tokens.",
    "basic authentication is described here",
    "the token is expired",
    "the password is wrong",
    "a secret: nobody knows",
    "sk-learn and scikit-image",
    "pk-fields and rk-4 solvers",
    "sk_buff in the kernel",
    "the task-runner ran risk-free",
    "authorization: required",
    "Cookie: none",
    "eyJ is how they begin",
    "passwd: unchanged",
    "keyboard=us",
    "monkey: banana",
    "2026-11-21T03:04:11.123456+00:00",
    "/usr/lib/python3/dist-packages/yaml/__init__.py",
    "gpt-5.2-codex-max, claude-opus-4-5",
    "anthropic/claude-sonnet-4.5",
    "hermes-gateway-north.service",
    "system/hermes-gateway.service: active (running)",
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "every 30 min; 0 9 * * 1-5 Europe/Berlin",
    "AKIA is a prefix, ghp_ is another, xoxb- a third",
    "passwords must have twelve signs or more",
    "primary_key=True",
    "foreign_key: user_id",
    "private_key_path=/etc/ssl/private/site.pem",
    "token_count: 12k",
    "secret_version=v12",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
    "asia-southeast1-b",
    "[redacted:github#1a2b]",
    "password=[redacted:keyed#1a2b]",
    "Bearer [redacted:bearer#ffff]",
    "11:22:33:44:55:66",
    "10.0.0.1:8710",
)
"""What a machine and its people write all day, and no credential."""
