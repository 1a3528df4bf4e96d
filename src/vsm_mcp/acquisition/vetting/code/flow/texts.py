"""Texts: commands and addresses in code that no honest server needs.

A text may hold ``HOLE`` where a part of it is not known.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from vsm_mcp.model.verdict import Severity

HOLE = "\0"

_HOST = re.compile(r"\b(?:https?|wss?|ftp)://([A-Za-z0-9][A-Za-z0-9.-]{1,250})(?=[:/?#\s]|$)")

_COMMANDS = (
    (
        "reverse-shell",
        Severity.CRITICAL,
        re.compile(
            r"/dev/(?:tcp|udp)/|\bnc(?:at|\.traditional)?\b[^\n]{0,60}\s-\w*[ec]\b|\bmkfifo\b[^\n]{0,120}\bnc\b"
            r"|\b(?:ba|z)?sh\s+-i\b[^\n]{0,40}[<>]&|\bsocat\b[^\n]{0,120}\bexec:|TCPClient\(|\bpty\.spawn\("
            r"|\bncat?\b[^\n]{0,60}\|\s*(?:/bin/)?(?:ba)?sh\b",
            re.IGNORECASE,
        ),
    ),
    (
        "sends-by-command",
        Severity.CRITICAL,
        re.compile(
            (
                r"\b(?:env|printenv|set|history|(?:cat|base64|tar|zip)\s[^|\n]{1,120})\s*\|[^\n]{0,80}?\b(?:curl"
                r"|wget|nc|ncat"
                r"|openssl s_client|socat|mail|sendmail)\b|\b(?:curl|wget)\b[^\n]{0,200}(?:\$\((?:env|printenv"
                r"|cat|base64|whoami"
                r"|hostname|id)\b|`(?:env|printenv|cat|whoami|hostname|id)\b|[@=](?:~|\$HOME|/home|/root|/etc"
                r"|\.env\b))"
                r"|\b(?:nc|ncat)\b[^\n]{0,80}<\s*\S|\b(?:nslookup|dig|host|ping)\s[^\n]{0,60}(?:\$\(|`)"
                r"|\b(?:scp|rsync|rclone copy)\b[^\n]{0,80}(?:\.ssh|\.aws|\.gnupg|\.env|\.kube|_history)\b"
            ),
            re.IGNORECASE,
        ),
    ),
    (
        "mines",
        Severity.HIGH,
        re.compile(
            r"\b(?:xmrig|minerd|cpuminer|ethminer|nbminer|cgminer|t-rex|phoenixminer|xmr-stak)\b"
            r"|stratum\+(?:tcp|ssl)://"
            r"|--donate-level|\b(?:minexmr|supportxmr|nanopool|moneroocean|hashvault|2miners)\b|\b--coin[= ]\w+",
            re.IGNORECASE,
        ),
    ),
    (
        "leaves-the-sandbox",
        Severity.HIGH,
        re.compile(
            r"\bdocker\s+run\b[^\n]{0,120}(?:--privileged|-v\s*/:|--pid[= ]host)"
            r"|\bnsenter\b[^\n]{0,40}(?:-t\s*1\b|--target)"
            r"|\bsetenforce\s+0|\bufw\s+disable|\biptables\s+-F|\bnetsh\s+advfirewall\s+set\b[^\n]{0,40}off"
            r"|\bchmod\s+(?:[ug]?\+s|[42]7\d\d)\b|\bhistory\s+-c\b|Add-MpPreference|Set-MpPreference"
            r"|\bspctl\s+--master-disable"
            r"|\bxattr\s+-d\s+com\.apple\.quarantine",
            re.IGNORECASE,
        ),
    ),
    (
        "installs-from-elsewhere",
        Severity.HIGH,
        re.compile(
            r"\b(?:pip3?|uv pip|pipx|npm|pnpm|yarn|npx|uvx|bun)\s+(?:-\S+\s+)*(?:i|install|add|exec|dlx"
            r"|-y)?\s*[^\n|;&]{0,80}"
            r"(?<![\w.])(?:(?:git\+)?https?://(?!github\.com/)\S|--(?:extra-)?index-url|--registry[= ])",
            re.IGNORECASE,
        ),
    ),
    (
        "runs-downloaded-command",
        Severity.CRITICAL,
        re.compile(
            (
                r"\b(?:curl|wget|fetch|iwr|Invoke-WebRequest)\b[^|\n]{0,300}\|\s*(?:sudo\s+)?(?:(?:ba|z|da)?sh"
                r"|python\d?|node|perl|iex)\b|\b(?:ba|z)?sh\s+(?:-c\s+)?[\"']?[<$]\(\s*(?:curl|wget)|\b(?:curl"
                r"|wget)\b[^\n]{0,300}(?:&&|;)[^\n]{0,80}(?:\bchmod\s|\b(?:ba|z)?sh\s|\./|\bpython\d?\s|\bnode\s)"
                r"|Download(?:String|File|Data)\(|\biex\b[^\n]{0,20}\(|-OutFile\b[^\n]{0,200};[^\n]{0,20}(?:Start-Process|&|\.\\)|\bmshta\s+http|certutil\b[^\n]{0,40}-urlcache"
                r"|\bbitsadmin\b[^\n]{0,80}http|\b(?:python\d?|node|deno|bun|perl|ruby)\s+(?:run\s+)?(?:-\w+\s+)*"
                r"(?:https?://|<\(\s*(?:curl|wget))|\bregsvr32\b[^\n]{0,60}http|\bmsiexec\b[^\n]{0,60}http"
            ),
            re.IGNORECASE,
        ),
    ),
    (
        "runs-decoded-command",
        Severity.CRITICAL,
        re.compile(
            r"\bbase64\s+(?:-d|-D|--decode)\b[^\n]{0,80}\|\s*(?:(?:ba|z)?sh|python\d?|node)\b"
            r"|powershell(?:\.exe)?\b[^\n]{0,80}\s-e(?:nc|ncodedcommand)?\s|\bxxd\s+-r\b[^\n]{0,60}\|\s*(?:ba)?sh\b",
            re.IGNORECASE,
        ),
    ),
    (
        "persists",
        Severity.HIGH,
        re.compile(
            (
                r"\bcrontab\s+(?:-|/|\w+\.)|\bschtasks\b[^\n]{0,20}/create|\blaunchctl\s+(?:load|bootstrap)"
                r"|\bsystemctl\b[^\n]{0,20}\benable\b|\bcrontab\s*$|\bat\s+now\b|\bupdate-rc\.d\b"
                r"|\bsc(?:\.exe)?\s+create\b"
                r"|\bgit\s+config\b[^\n]{0,60}(?:core\.(?:hooksPath|sshCommand|fsmonitor|pager|editor)"
                r"|init\.templateDir"
                r"|credential\.helper|insteadOf|alias\.\w+\s+[\"']?!)|\b(?:claude|codex|gemini|code"
                r"|cursor)\s+(?:mcp\s+add|--add-mcp)"
                r"|\bnpm\s+config\s+set\s+(?:registry|script-shell|prefix)|\bpip3?\s+config\s+set\b"
                r"|\bosascript\b[^\n]{0,80}login item"
                r"|\breg\s+add\b[^\n]{0,120}\\Run\b|>>\s*[\"']?(?:~|\$HOME|\$\{HOME\}|/home/\w+|/root)/\.(?:bash"
                r"|zsh|config|ssh)\w*|>>\s*~/\.(?:bashrc|zshrc"
                r"|profile)"
            ),
            re.IGNORECASE,
        ),
    ),
    (
        "steals-credentials",
        Severity.HIGH,
        re.compile(
            (
                r"\bsecurity\s+(?:-\w+\s+)*(?:find-(?:generic|internet)-password|dump-keychain)|\bgh\s+auth\s+token\b"
                r"|\bgit\s+credential\s+fill\b|\bgcloud\s+auth\s+print-access-token|\baws\s+configure\s+(?:get"
                r"|export)"
                r"|\bnpm\s+token\s+list|\bnpm\s+config\s+get\s+\S*_authToken|\bsecret-tool\s+(?:search|lookup)"
                r"|\bmimikatz\b|\bpass\s+show\b"
                r"|\bop\s+item\s+(?:get|list)|\bgpg\b[^\n]{0,40}--export-secret|\bvault\s+kv\s+get"
                r"|\bkubectl\b[^\n]{0,40}get\s+secrets?\b"
                r"|\bdscl\b[^\n]{0,60}ShadowHash|\bcmdkey\s+/list|\bcat\s+[^\n|;&]{0,40}(?:\.ssh/"
                r"|\.aws/credentials|/etc/shadow"
                r"|\.npmrc|\.netrc)|\b(?:cp|scp|tar|zip|rsync)\s[^\n|;&]{0,80}(?:\.ssh\b|\.aws\b|\.gnupg\b)"
            ),
            re.IGNORECASE,
        ),
    ),
    (
        "spreads",
        Severity.HIGH,
        re.compile(r"\b(?:npm|yarn|pnpm)\s+publish\b|\btwine\s+upload\b|\buv\s+publish\b", re.IGNORECASE),
    ),
    (
        "destroys",
        Severity.HIGH,
        re.compile(
            r"\brm\s+(?:-\w+\s+)*-\w*[rf]\w*\s+(?:-\w+\s+)*[\"']?(?:/|~/?|\$HOME/?|/\*|~/\*|/home"
            r"|/Users)[\"']?(?:\s|$|\*)"
            r"|\bmkfs\.\w+\s+/dev|\bdd\b[^\n]{0,60}\bof=/dev/(?:sd|nvme|disk)|\bformat\s+[cd]:|\bcipher\s+/w:"
            r"|:\(\)\s*\{\s*:\|:&\s*\};:",
            re.IGNORECASE,
        ),
    ),
)
_ADDRESSES = (
    (
        "asks-cloud-metadata",
        Severity.HIGH,
        re.compile(r"169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200|\[fd00:ec2::254\]"),
    ),
    (
        "uses-drop-site",
        Severity.HIGH,
        re.compile(
            (
                r"(?:https?|wss?)://(?:[\w-]{1,63}\.){0,3}(?:webhook\.site|hookb\.in|dnslog\.cn|ceye\.io"
                r"|bashupload\.com|gofile\.io|anonfiles?\.com|catbox\.moe|termbin\.com|serveo\.net"
                r"|localhost\.run|loca\.lt|requestbin\.\w{2,4}|pipedream\.net"
                r"|burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(?:fun|pro|live|me|site|online)|transfer\.sh"
                r"|file\.io|0x0\.st|ngrok(?:-free)?\.(?:io|app|dev)|trycloudflare\.com|requestcatcher\.com"
                r"|beeceptor\.com|canarytokens\.com)|discord(?:app)?\.com/api/webhooks/\d+/\w"
                r"|api\.telegram\.org/bot\d+:\w|hooks\.slack\.com/services/T\w+/B\w+/\w|pastebin\.com/raw/\w"
                r"|\.onion\b"
            ),
            re.IGNORECASE,
        ),
    ),
    (
        "uses-bare-address",
        Severity.MEDIUM,
        re.compile(
            r"(?:https?|wss?|ftp|tcp)://(?!(?:127|10|0|255)\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.)"
            r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?:[/\0?]|$)"
        ),
    ),
)


class Match(NamedTuple):
    """A rule that a text matches: its code, how bad it is, and the part that matches."""

    code: str
    severity: Severity
    part: str


def commands(text: str) -> Iterator[Match]:
    """Yield what is wrong with a command that code runs."""
    return _matches(_COMMANDS, text)


def addresses(text: str) -> Iterator[Match]:
    """Yield what is wrong with an address that code talks to."""
    return _matches(_ADDRESSES, text)


def hosts_in(text: str) -> Iterator[str]:
    """Yield the hosts of the addresses in a text, in lower case."""
    for found in _HOST.finditer(text):
        yield found.group(1).lower().rstrip(".")


def part_of(pattern: re.Pattern[str], text: str) -> str | None:
    """Return what of a text matches, short enough to show."""
    found = pattern.search(text)
    return found.group().replace(HOLE, "…")[:80] if found else None


def _matches(rules: tuple[tuple[str, Severity, re.Pattern[str]], ...], text: str) -> Iterator[Match]:
    for code, severity, pattern in rules:
        part = part_of(pattern, text)
        if part is not None:
            yield Match(code, severity, part)
