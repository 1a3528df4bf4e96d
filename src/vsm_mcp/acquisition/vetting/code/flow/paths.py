"""Paths: places of credentials, and of configurations of agents and shells, that no honest server touches.

A path may hold ``HOLE`` where a part of it is not known.
"""

import re

from vsm_mcp.acquisition.vetting.code.flow.texts import Match, part_of
from vsm_mcp.model.verdict import Severity

_CREDENTIALS = re.compile(
    (
        r"\.ssh(?:[\\/]|$)|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\.aws[\\/](?:credentials|config)|\.npmrc\b|\.pypirc\b"
        r"|\.netrc\b|\.git-credentials\b|\.docker[\\/]config\.json|\.kube[\\/]config|\.gnupg(?:[\\/]|$)"
        r"|\.config[\\/](?:gcloud|gh|op|hub|rclone|solana)(?:[\\/]|$)|\.azure(?:[\\/]|$)|/etc/g?shadow\b"
        r"|/proc/(?:self|\0|\*|\d{1,9})/(?:environ|mem)\b|Login Data\b|\.password-store|\.my\.cnf\b|\.pgpass\b"
        r"|[\\/]Cookies\b|\bcookies\.sqlite|\blogins\.json|\bkey[34]\.db|wallet\.dat|keychain-db|Library/Keychains"
        r"|Local Storage[\\/]leveldb|\.(?:electrum|ethereum|bitcoin|solana|monero)(?:[\\/]|$)|[\\/]Exodus[\\/]"
        r"|Local Extension Settings|(?:Chrome|Chromium|Edge|Brave-Browser)[\\/]User Data[\\/]|Firefox[\\/]Profiles"
        r"|\.mozilla[\\/]firefox|Telegram Desktop[\\/]tdata|[\\/]discord[\\/]Local Storage|\.(?:bash|zsh|python"
        r"|node_repl|psql|mysql)_history"
        r"|ConsoleHost_history|\bkeystore[\\/]UTC|\.vault-token|credentials\.tfrc|\.terraform\.d[\\/]credentials"
        r"|/run/secrets/kubernetes\.io|serviceaccount/token|application_default_credentials|\.cargo[\\/]credentials"
        r"|\.gem[\\/]credentials|\.databrickscfg|\.boto\b|\.s3cfg|\.kdbx\b|\.claude[\\/]\.credentials|\.codex[\\/]auth"
        r"|^(?:~|/|/home|/Users|C:)[\\/](?:[^\n]{0,80}\*[^\n]{0,20}[\\/])?\.env(?:\.\w{1,12})?\*?$"
    ),
    re.IGNORECASE | re.MULTILINE,
)
_AGENT_CONFIG = re.compile(
    (
        r"\.cursor(?:rules|[\\/]|$)|\.claude(?:\.json|[\\/]|$)|claude_desktop_config\.json|\bCLAUDE\.md|\bAGENTS\.md"
        r"|\bGEMINI\.md|(?:^|[\\/])\.?mcp(?:_?(?:config|settings|servers))?\.json|\.vscode[\\/](?:settings|tasks)\.json"
        r"|\.codeium(?:[\\/]|$)|\.windsurf(?:rules|[\\/])|\.gemini(?:[\\/]|$)|\.continue[\\/]|cline_mcp_settings"
        r"|\.codex(?:[\\/]|$)|\.github[\\/](?:copilot|workflows)|\.cline(?:rules|[\\/])|\.roo(?:rules|[\\/])"
        r"|\.kiro[\\/]|\.amazonq[\\/]|\.junie[\\/]|\.aider\.conf|\bopencode\.json|\.config[\\/](?:zed|goose"
        r"|opencode)[\\/]"
        r"|Code[\\/]User[\\/]|\bcopilot-instructions\.md"
    ),
    re.IGNORECASE | re.MULTILINE,
)
_STARTUP = re.compile(
    (
        r"\.(?:bashrc|bash_profile|bash_login|bash_logout|zshrc|zshenv|zprofile|zlogin|kshrc|xinitrc|xprofile"
        r"|xsession|envrc|tmux\.conf|vimrc|inputrc|pam_environment)\b|(?:^|[\\/])\.profile\b|fish[\\/](?:config\.fish|conf\.d)"
        r"|authorized_keys|\.ssh[\\/](?:config|rc)\b|/etc/(?:cron|profile|rc\.local|ld\.so\.preload|systemd|sudoers"
        r"|hosts\b|passwd|init\.d|environment\b|bash\.bashrc|zsh)|/var/spool/cron|Library/Launch(?:Agents|Daemons)"
        r"|\.config[\\/](?:autostart|systemd|pip|environment\.d)|Start Menu[\\/]Programs[\\/]Startup"
        r"|\.git[\\/](?:hooks(?:[\\/]|$)|config\b)|\.husky[\\/]|\.gitconfig\b|(?:site|user)customize\.py"
        r"|site-packages[\\/][^\\/\n]+\.pth|PowerShell_profile\.ps1|CurrentVersion[\\/]+Run|\.npmrc\b"
        r"|\.pip[\\/]pip\.conf"
    ),
    re.IGNORECASE | re.MULTILINE,
)
_HOME = re.compile(r"^(?:~|/|/home|/root|/Users|C:\\?|\$HOME|%USERPROFILE%)[\\/]?\*?$")


def credential(path: str) -> str | None:
    """Return the part of a path that names a place of credentials."""
    return part_of(_CREDENTIALS, path)


def configuration(path: str) -> Match | None:
    """Say which agent's or shell's configuration a path belongs to, if it does."""
    for code, pattern in (("changes-agent-configuration", _AGENT_CONFIG), ("changes-startup", _STARTUP)):
        part = part_of(pattern, path)
        if part is not None:
            return Match(code, Severity.HIGH, part)
    return None


def is_home(path: str) -> bool:
    """Say whether a path is a whole home or root directory."""
    return bool(_HOME.match(path))
