"""Credentials that the rules were not made for: forms of issuers, and ways in which people write secrets.

This set was put together after the rules, from what issuers and other scanners publish, and the rules are not changed
to please it: then it would measure nothing. Who adds a rule for something in here replaces that entry by another.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from tests.redaction.made import Made, made

TIMES: Final = 3

AGENT: Final = (
    "The key you asked for: «sk-ant-oat01-{b64u:86}-{b64u:8}AA»",
    "OPENAI_API_KEY='«sk-svcacct-{b64u:120}»'",
    'openai.api_key = "«sk-None-{an:48}»"',
    "AZURE_OPENAI_KEY: «{hex:32}»",
    "export MISTRAL_API_KEY=«{an:32}»",
    "COHERE: api_key=«{an:40}»",
    "DEEPSEEK_API_KEY=«sk-{hex:32}»",
    "TOGETHER_API_KEY=«{hex:64}»",
    "headers = {'x-api-key': '«{an:40}»'}",
    'curl -H "X-Auth-Token: «{hex:64}»" https://example.org',
    "curl -u deploy:«{pw}» https://example.org/upload",
    "curl --header 'PRIVATE-TOKEN: «{b64u:20}»' https://git.example.org",
    "git clone https://oauth2:«glpat-{b64u:20}»@git.example.org/a/b.git",
    "git remote set-url origin https://«gho_{an:36}»@github.com/a/b",
    "url = https://me:«{hex:40}»@forge.example.org/a/b.git",
    "machine forge.example.org login me password «{hex:40}»",
    "TELEGRAM_BOT_TOKEN=«{d:9}:AA{b64u:33}»",
    "POST https://api.telegram.org/bot«{d:10}:AA{b64u:33}»/sendMessage failed",
    "the bot token, {d:3} tries later: «{d:10}:AAF{b64u:32}»",
    "DISCORD_TOKEN=«MT{an:24}.G{b64u:5}.{b64u:38}»",
    "SLACK_WEBHOOK=https://hooks.slack.com/services/«T{up:10}/B{up:10}/{an:24}»",
    '"access_token":"«xoxe.xoxp-1-{an:140}»"',
    "matrix: access_token: «syt_{b64u:14}_{an:20}_{an:6}»",
    "hass token «{jwt}» works",
    "PGPASSWORD=«{pw}» psql -h db",
    "mysql -u root -p«{pw}» shop",
    "sshpass -p «{pw}» ssh root@10.0.0.1",
    "docker login -u me -p «{pw}» registry.example.org",
    "restic: RESTIC_PASSWORD=«{pw}»",
    "passphrase = '«{pw}»'",
    "smtp_pass: «{pw}»",
    "IMAP login ok with «{pw}» as the password",
    "my password is «{pw}»",
    "Passwort: «{pw}»",
    "here are the creds, user admin / «{pw}»",
    "the pin for the vault is «{d:8}»",
    "amqp://guest:«{pw}»@mq.example.org//",
    "mongodb+srv://app:«{pw}»@cluster0.example.net/db",
    "redis://:«{pw}»@cache:6379",
    "Server=db;User Id=sa;Password=«{pw}»;",
    "jdbc:postgresql://db/app?user=app&password=«{pw}»",
    "ALTER USER app IDENTIFIED BY '«{pw}»';",
    "//registry.example.org/:_authToken=«npm_{an:36}»",
    "[pypi]\nusername = __token__\npassword = «pypi-AgEIcHlwaS5vcmc{b64u:120}»",
    "aws configure set aws_secret_access_key «{b64:40}»",
    "aws_session_token = «{b64:220}»",
    '{{"AccessKeyId":"ASIA{b32:16}","SecretAccessKey":"«{b64:40}»"}}',
    '"private_key": "«{pem:plain}»"',
    "«{pem:ec}»",
    "PrivateKey = «{b64:43}=»\nAddress = 10.6.0.2/24",
    "tailscale up --authkey «tskey-client-{an:12}CNTRL-{an:32}»",
    "otpauth://totp/me?secret=«{b32:32}»&issuer=x",
    "Cookie: sid=«{hex:64}»; theme=dark",
    "Proxy-Authorization: Basic «{basic}»",
    "Authorization: ApiKey «{b64u:60}»",
    'GITEA_TOKEN: "«{hex:40}»"',
    "tea login add --token «{hex:40}» --url https://git.example.org",
    "use {hex:6} and then «{hex:40}» as the gitea access token",
    "client_secret: «{b64u:24}~{b64u:9}»",
    "refresh_token=«1//0{b64u:40}-{b64u:50}»",
    "ELEVENLABS_API_KEY=«{hex:32}»",
    "BROWSERBASE_API_KEY=«bb_live_{b64u:27}»",
    '{{"api_key": "«fal-{hex:8}-{hex:4}:{hex:32}»"}}',
    "WANDB_API_KEY=«{hex:40}»",
    "REPLICATE_API_TOKEN=«r8_{an:37}»",
    "HF_TOKEN=«hf_{a:34}»",
    "JINA_API_KEY=«jina_{hex:32}{b64u:28}»",
    "LANGFUSE_SECRET_KEY=«sk-lf-{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}»",
    "TODOIST_API_TOKEN=«{hex:40}»",
    "SPOTIFY_CLIENT_SECRET=«{hex:32}»",
)
"""What an agent comes across: its models, its chats, its forges, its machine."""

OTHERS: Final = (
    "A3-{up:6}-{up:6}-{up:5}-{up:5}-{up:5}-{up:5}",
    "ops_eyJ{b64:250}",
    "p8e-{low:32}",
    "LTAI{an:20}",
    "AKCp{an:69}",
    "{an:3}8Q~{b64u:34}",
    "v1.0-{hex:24}-{hex:146}",
    "CLOJARS_{low:60}",
    "dapi{hex:32}",
    "dp.pt.{an:43}",
    "duffel_live_{b64u:43}",
    "dt0c01.{up:24}.{up:64}",
    "EZAK{an:54}",
    "EAACEdEose0cBA{an:80}",
    "FLWSECK-{hex:32}-X",
    "fio-u-{b64u:64}",
    "HRKU-AA{b64u:58}",
    "pat-eu1-{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}",
    "ico-{an:32}",
    "s-s4t2ud-{hex:64}",
    "{hex:32}-us12",
    "key-{hex:32}",
    "pk.{an:60}.{an:22}",
    "NRAK-{up:27}",
    "NRII-{b64u:32}",
    "secret_{an:43}",
    "API-{up:26}",
    "pscale_tkn_{b64u:43}",
    "PMAK-{hex:24}-{hex:34}",
    "pnu_{an:36}",
    "pul-{hex:40}",
    "rdme_{low:70}",
    "rubygems_{hex:48}",
    "tk-us-{b64u:48}",
    "xkeysib-{hex:64}-{an:16}",
    "sntrys_eyJ{b64:100}_{b64:43}",
    "shippo_live_{hex:40}",
    "shpat_{hex:32}",
    "squ_{hex:40}",
    "sq0atp-{b64u:22}",
    "SK{hex:32}",
    "tfp_{b64u:59}",
    "t1.{b64u:40}.{b64u:86}",
    "AQVN{b64u:36}",
    "{an:14}.atlasv1.{b64u:64}",
    "glrt-{b64u:20}",
    "ATATT3xFfGF0{b64u:180}",
    "dop_v1_{hex:64}",
    "hvb.{b64u:140}",
    "figd_{b64u:43}",
    "phc_{an:43}",
    "ATCTT3xFfGN0{b64u:180}",
    "oy2{low:43}",
    "5{a:50}",
    "EAAA{b64u:60}",
    "{hex:32}:{hex:32}",
    "lsv2_pt_{hex:32}_{hex:10}",
    "whsec_{b64:32}",
    "pcsk_{an:5}_{an:63}",
    "nfp_{an:40}",
)
"""Bare tokens of issuers that agents meet seldom; most are in no rule."""


def agent() -> Iterator[Made]:
    """Yield what an agent comes across."""
    yield from _filled(AGENT)


def others() -> Iterator[Made]:
    """Yield bare tokens of many issuers, in a sentence that does not say what they are."""
    yield from _filled(tuple(f"Then it printed «{form}» and ended." for form in OTHERS))


def _filled(forms: tuple[str, ...]) -> Iterator[Made]:
    rnd = Random(2026)
    for _ in range(TIMES):
        for form in forms:
            yield made(form, form, rnd)
