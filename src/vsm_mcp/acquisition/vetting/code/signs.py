"""Signs: what a source file looks like when somebody hides in it what it does. Minified code does not look so."""

import re
from collections.abc import Collection, Iterator, Sequence

from vsm_mcp.acquisition.vetting.code.flow.calls import Hit
from vsm_mcp.model.verdict import Severity

_MANY_NUMBERED = 4
_MANY_LOOKALIKE = 5

_NUMBERED = re.compile(r"\b(?:\w{1,3})?_0x[0-9a-f]{4,8}\b")
_LOOKALIKE = re.compile(r"\b(?=[O0]*0)(?=[O0]*O)O[O0]{5,}\b|\b(?=[Il1]*1)[Il][Il1]{7,}\b|\b(?=l*I)(?=I*l)[Il]{8,}\b")
_PACKER = re.compile(r"\beval\s*\(\s*function\s*\(\s*p\s*,\s*a\s*,\s*c\s*,\s*k\s*,\s*e\s*,\s*[dr]\s*\)")
_ARMOUR = re.compile(r"\b__pyarmor__\s*\(|\bpyarmor_runtime\b|\bpytransform\b|\b__pyc?rypt\w*__\b")
_BRACKETS = re.compile(r"[\[\]()!+]{2000}|(?=[\[\]()+]{0,80}!)(?=[\[\]()!]{0,80}\+)[\[\]()!+]{80}")
_FACES = re.compile(r"ﾟωﾟ|\$=~\[\];\$=\{")
_INVISIBLE = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\U000e0000-\U000e007f\u200b-\u200d\u2060-\u2064\u3164]{8,}")
_DIRECTION = re.compile("(?<!-)[\u202a-\u202e\u2066-\u2069](?!-)")
_VARIATIONS = re.compile(r"0xe0100(?=[\s\S]{0,4000}\b(?:eval|exec|Function)\s*\()", re.IGNORECASE)
_ASIDE = re.compile(
    r"\S[ \t]{150,}[^\n]{0,80}\b(?:eval|exec|require|import|fetch|child_process|Function|subprocess|os\.system"
    r"|global)\b"
)
_TWINS = "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u0501"
_TWO_SCRIPTS = re.compile(rf"(?<![\w\"'])(?=\w{{0,60}}[A-Za-z])(?=\w{{0,60}}[{_TWINS}])\w{{2,60}}\s?(?:\(|=(?!=))")
_COPY = re.compile(
    r"(?:[\"'`\n]|\\n)bcc:\s?[\w.+-]{1,64}@(?!example\.|[\w-]+\.example\b|test\.)[\w-]+\.\w", re.IGNORECASE
)
_INJECTION = re.compile(
    r"\b(?:VirtualAlloc(?:Ex)?|NtAllocateVirtualMemory|PROT_EXEC|mprotect|CreateRemoteThread|prot\s*=\s*7)\b"
)
_MACHINE_CODE = re.compile(r"(?:\\x[0-9a-fA-F]{2}){6}|(?:0x[0-9a-fA-F]{1,2}\s*,\s*){8}")
_WALLET = re.compile(
    r"bc1\[|\bbc1q[a-z0-9]{30,60}|\[13\]\)?\[a-k|\[a-km-zA-HJ-NP-Z|0x\[a-fA-?F?0-9|\b0x[0-9a-fA-F]{40}\b"
    r"|\bT\[[A-Za-z1-9-]{4,20}\]\{33"
)
_CLIPBOARD = re.compile(
    r"pyperclip\.copy|clipboardy\.write|clipboard\.(?:copy|writeText|write)\b|SetClipboard|xclip|pbcopy"
)
_CLIPBOARD_READ = re.compile(
    r"pyperclip\.paste|clipboardy\.read|clipboard\.(?:paste|readText|read)\b|GetClipboard|pbpaste"
)
_WALLET_HOOK = re.compile(r"\bethereum\.(?:request|send|sendAsync)\s*=[^=]|\bsignAndSendTransaction\s*=[^=]")
_HUNTED = re.compile(
    r"id_rsa|id_ed25519|\\?\.env\b|\\?\.pem\b|credentials|\\?\.npmrc|\\?\.pypirc|\\?\.netrc|wallet|\\?\.kdbx"
    r"|\\?\.p12|\\?\.ppk"
    r"|keystore|\.aws|\.ssh|\.kube|_history|seed.?phrase|mnemonic|private.?key",
    re.IGNORECASE,
)
_HUNTING = re.compile(
    r"\b(?:os\.walk|rglob|glob|iglob|scandir|iterdir|readdir(?:Sync)?|opendir|listdir|fast-glob|find)\b"
)
_RANSOM = (
    re.compile(r"\b(?:Fernet|AES|ChaCha20|createCipheriv|encrypt)\b"),
    _HUNTING,
    re.compile(r"expanduser\(\s*[\"']~|Path\.home|homedir\(|[\"'](?:/home|C:\\\\Users|/Users)|USERPROFILE"),
    re.compile(r"\bos\.remove|\.unlink|unlinkSync|rmSync|os\.unlink|os\.rename|renameSync"),
    re.compile(r"\.(?:locked|enc|encrypted|crypt\w*)[\"'`]"),
)
_INJECTING = ("Virtual", "PROT_EXEC", "CreateRemote", "prot")
_BYTES = ("\\x", "0x")
_CIPHERS = ("Fernet", "AES", "ChaCha20", "createCipheriv", "encrypt")
_CLIPBOARDS = ("clip", "Clip", "pbcopy")
_MANY_HUNTED = 2
_MANY_PUBLISHING = 3
_PUBLISHING = frozenset(
    {
        *("GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "NPM_TOKEN", "NODE_AUTH_TOKEN", "PYPI_TOKEN", "TWINE_PASSWORD"),
        *("AWS_SECRET_ACCESS_KEY", "ACTIONS_RUNTIME_TOKEN", "CARGO_REGISTRY_TOKEN", "DOCKER_PASSWORD", "VAULT_TOKEN"),
    }
)


def signs(source: str) -> Iterator[Hit]:
    """Yield the signs of purposeful hiding in a source text."""
    numbered = set(_NUMBERED.findall(source)) if "_0x" in source else set[str]()
    if len(numbered) >= _MANY_NUMBERED:
        what = f"{len(numbered)} names such as {min(numbered)} are those of an obfuscator"
        yield _hit("obfuscated", what, source, part="_0x")
    lookalike = set(_LOOKALIKE.findall(source)) if holds(source, _ALIKE) else set[str]()
    if len(lookalike) >= _MANY_LOOKALIKE:
        what = f"{len(lookalike)} names such as {min(lookalike)} are made to look alike"
        yield _hit("obfuscated", what, source, part=min(lookalike))
    for marks, pattern, code, what in _PATTERNS if source.isascii() else (*_PATTERNS, *_NOT_ASCII):
        found = pattern.search(source) if not marks or holds(source, marks) else None
        if found:
            yield _hit(code, what, source, part=found.group())


def holds(source: str, marks: Sequence[str]) -> bool:
    """Say whether a source holds one of some marks."""
    return any(mark in source for mark in marks)


def combined(source: str, found: Collection[str], *, variables: frozenset[str]) -> Iterator[Hit]:
    """Yield what is harmless alone and is not together.

    Args:
        source: The source text.
        found: The codes of what was found in it otherwise.
        variables: The environment variables it reads.
    """
    publishing = sorted(variables & _PUBLISHING)
    if len(publishing) >= _MANY_PUBLISHING and "uses-network" in found:
        what = f"reads {', '.join(publishing[:4])}, which no server needs together, and talks to others"
        yield _hit("gathers-credentials", what, source, part=publishing[0])
    if "sends-files" in found and _HUNTING.search(source):
        hunted = {part.lower().strip("\\.") for part in _HUNTED.findall(source)}
        if len(hunted) >= _MANY_HUNTED:
            what = f"searches directories for {', '.join(sorted(hunted)[:4])} and sends files"
            yield _hit("hunts-credentials", what, source, part="")
    injection = _INJECTION.search(source) if holds(source, _INJECTING) and holds(source, _BYTES) else None
    if injection and _MACHINE_CODE.search(source):
        yield _hit("runs-machine-code", "machine code in the file is made executable", source, part=injection.group())
    if holds(source, _CIPHERS) and all(pattern.search(source) for pattern in _RANSOM):
        yield _hit("destroys", "the files of a home are encrypted and the originals removed", source, part="")
    taken = holds(source, _CLIPBOARDS) and _CLIPBOARD.search(source) and _CLIPBOARD_READ.search(source)
    wallet = _WALLET.search(source) if taken else None
    if wallet:
        yield _hit("swaps-addresses", "addresses of wallets in the clipboard are changed", source, part=wallet.group())


def tempered(hit: Hit, source: str, name: str) -> Hit:
    """Return a finding as it weighs in its file: many servers offer to write themselves into an agent's configuration.

    Code of a command line, or named for installing, that does so inside a function is shown, not refused.
    """
    if hit.code not in _OFFERED or hit.severity is not Severity.HIGH:
        return hit
    line = source.split("\n", hit.line)[hit.line - 1] if hit.line else ""
    asked = _ASKED.search(source) or _INSTALLER.search(name)
    return hit._replace(severity=Severity.MEDIUM) if asked and line[:1].isspace() else hit


_OFFERED = frozenset({"changes-agent-configuration", "persists"})
_ASKED = re.compile(
    r"\b(?:argparse|import click|from click|typer|cyclopts|questionary|sys\.argv|process\.argv|commander|yargs"
    r"|inquirer)\b"
    r"|@clack/prompts"
)
_INSTALLER = re.compile(
    r"(?:^|[/_-])(?:install\w*|updat\w*|setup|cli|commands?|init|configure)(?:[/_.-]|$)", re.IGNORECASE
)
_ALIKE = ("O0", "Il", "lI", "I1", "l1")
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str, str], ...] = (
    (("eval",), _PACKER, "obfuscated", "the code unpacks itself and runs the result"),
    (("arm", "form", "__py"), _ARMOUR, "obfuscated", "the code is encrypted and runs through a decrypting library"),
    (("![]", "+[]", "[]["), _BRACKETS, "obfuscated", "the code is written in brackets alone"),
    (("$=~",), _FACES, "obfuscated", "the code is written in symbols alone"),
    (("E0100", "e0100"), _VARIATIONS, "hidden-text", "code is read from invisible characters"),
    ((" " * 150, "\t"), _ASIDE, "hidden-text", "code stands far to the right, where nobody sees it"),
    (("cc:", "Cc:", "cC:", "CC:"), _COPY, "hidden-copy", "a message has a fixed hidden recipient"),
    (("ethereum", "signAnd"), _WALLET_HOOK, "swaps-addresses", "the requests of a wallet are taken over"),
)
"""What is looked for: words without one of which it cannot be there, which are quick to look for; what; its code."""

_NOT_ASCII: tuple[tuple[tuple[str, ...], re.Pattern[str], str, str], ...] = (
    ((), _FACES, "obfuscated", "the code is written in symbols alone"),
    ((), _INVISIBLE, "hidden-text", "a run of invisible characters hides data"),
    ((), _DIRECTION, "hidden-text", "characters that reverse the direction of reading hide what the code does"),
    (tuple(_TWINS), _TWO_SCRIPTS, "hidden-text", "a name mixes letters of two scripts that look alike"),
)


def _hit(code: str, what: str, source: str, *, part: str) -> Hit:
    return Hit(code, Severity.HIGH, what, source.count("\n", 0, source.find(part)) + 1)
