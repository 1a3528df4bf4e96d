"""Texts: paths, commands and addresses in code that no honest server needs.

A text may hold ``HOLE`` where a part of it is not known.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from vsm_mcp.model.verdict import Severity

HOLE = "\0"

_CREDENTIALS = re.compile(
    (
        r"\.ssh(?:[\\/]|$)|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\.aws[\\/](?:credentials|config)|\.npmrc\b|\.pypirc\b"
        r"|\.netrc\b|\.git-credentials\b|\.docker[\\/]config\.json|\.kube[\\/]config|\.gnupg(?:[\\/]|$)"
        r"|\.config[\\/](?:gcloud|gh)[\\/]|\.azure[\\/]|/etc/shadow\b|/proc/(?:self|\0|\d{2,})/environ|Login Data\b"
        r"|[\\/]Cookies\b|\bcookies\.sqlite|\blogins\.json|\bkey4\.db|wallet\.dat|keychain-db|Library/Keychains"
        r"|Local Storage[\\/]leveldb|\.(?:electrum|ethereum|bitcoin)(?:[\\/]|$)|[\\/]Exodus[\\/]|\bkeystore[\\/]UTC"
        r"|\.(?:bash|zsh)_history|\.vault-token|credentials\.tfrc"
    ),
    re.IGNORECASE | re.MULTILINE,
)
_AGENT_CONFIG = re.compile(
    r"\.cursor(?:rules|[\\/]|$)|\.claude(?:\.json|[\\/]|$)|claude_desktop_config\.json|CLAUDE\.md|AGENTS\.md|GEMINI\.md"
    r"|(?:^|[\\/])\.mcp\.json|\.vscode[\\/](?:mcp|settings|tasks)\.json|\.codeium[\\/]|\.windsurf(?:rules|[\\/])"
    r"|\.gemini[\\/]|\.continue[\\/]|cline_mcp_settings|\.codex[\\/]|\.github[\\/]copilot|\.cline(?:rules|[\\/])",
    re.IGNORECASE | re.MULTILINE,
)
_STARTUP = re.compile(
    r"\.(?:bashrc|bash_profile|bash_login|zshrc|zshenv|zprofile|profile|kshrc|xinitrc)\b|fish[\\/]config\.fish"
    r"|authorized_keys|/etc/(?:cron|profile|rc\.local|ld\.so\.preload|systemd|sudoers|hosts\b|passwd)|/var/spool/cron"
    r"|Library/Launch(?:Agents|Daemons)|\.config[\\/](?:autostart|systemd)|Start Menu[\\/]Programs[\\/]Startup"
    r"|\.git[\\/]hooks[\\/]|\.gitconfig\b|sitecustomize\.py|usercustomize\.py|site-packages[\\/][^\\/\n]+\.pth",
    re.IGNORECASE | re.MULTILINE,
)
_HOME = re.compile(r"^(?:~|/|/home|/root|/Users|C:\\?)[\\/]?\*?$")

_COMMANDS = (
    (
        "reverse-shell",
        Severity.CRITICAL,
        re.compile(
            r"/dev/(?:tcp|udp)/|\bnc(?:at|\.traditional)?\b[^\n]{0,60}\s-\w*[ec]\b|\bmkfifo\b[^\n]{0,120}\bnc\b"
            r"|\bbash\s+-i\b[^\n]{0,40}[<>]&|\bsocat\b[^\n]{0,120}\bexec:",
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
                r"|DownloadString\(|\biex\b[^\n]{0,20}\(|\bmshta\s+http|certutil\b[^\n]{0,40}-urlcache"
                r"|\bbitsadmin\b[^\n]{0,80}http"
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
                r"|\bsystemctl\b[^\n]{0,20}\benable\b|\breg\s+add\b[^\n]{0,120}\\Run\b|>>\s*~/\.(?:bashrc|zshrc"
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
                r"\bsecurity\s+(?:find-(?:generic|internet)-password|dump-keychain)|\bgh\s+auth\s+token\b"
                r"|\bgit\s+credential\s+fill\b|\bgcloud\s+auth\s+print-access-token|\baws\s+configure\s+(?:get|export)"
                r"|\bnpm\s+token\s+list|\bcmdkey\s+/list|\bcat\s+[^\n|;&]{0,40}(?:\.ssh/|\.aws/credentials|/etc/shadow"
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
            r"\brm\s+(?:-\w+\s+)*-\w*[rf]\w*\s+(?:-\w+\s+)*[\"']?(?:/|~|\$HOME|/\*|~/\*|/home|/Users)[\"']?(?:\s|$|\*)"
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
                r"https?://(?:[\w-]{1,63}\.){0,3}(?:webhook\.site|requestbin\.\w{2,4}|pipedream\.net"
                r"|burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(?:fun|pro|live|me|site|online)|transfer\.sh"
                r"|file\.io|0x0\.st|ngrok(?:-free)?\.(?:io|app|dev)|trycloudflare\.com|requestcatcher\.com"
                r"|beeceptor\.com|canarytokens\.com)|discord(?:app)?\.com/api/webhooks/\d+/\w"
                r"|api\.telegram\.org/bot\d+:\w|hooks\.slack\.com/services/T\w+/B\w+/\w|pastebin\.com/raw/\w|\.onion\b"
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


def credential(path: str) -> str | None:
    """Return the part of a path that names a place of credentials."""
    return _part(_CREDENTIALS, path)


def configuration(path: str) -> Match | None:
    """Say which agent's or shell's configuration a path belongs to, if it does."""
    for code, pattern in (("changes-agent-configuration", _AGENT_CONFIG), ("changes-startup", _STARTUP)):
        part = _part(pattern, path)
        if part is not None:
            return Match(code, Severity.HIGH, part)
    return None


def is_home(path: str) -> bool:
    """Say whether a path is a whole home or root directory."""
    return bool(_HOME.match(path))


def _matches(rules: tuple[tuple[str, Severity, re.Pattern[str]], ...], text: str) -> Iterator[Match]:
    for code, severity, pattern in rules:
        part = _part(pattern, text)
        if part is not None:
            yield Match(code, severity, part)


def _part(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found.group().replace(HOLE, "…")[:80] if found else None
