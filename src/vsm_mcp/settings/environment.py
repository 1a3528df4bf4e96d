"""The variables of the environment: which there are, what their old names mean, and which are refused."""

import os
from collections.abc import Collection
from difflib import get_close_matches

from pydantic import ValidationError

from vsm_mcp.errors import ConfigurationError

PREFIX = "VSM_MCP_"

AS_JSON = "Correct or remove these variables; lists and mappings are written as JSON: '[\"pypi:NAME\"]'."
_ALWAYS_ON = {
    "VSM_SECURITY_ENABLED": "Allow more by name: VSM_MCP_ALLOW, VSM_MCP_EGRESS.",
    "VSM_SANDBOX_ENABLED": "To run servers without confinement, write VSM_MCP_SANDBOX=none; every report says so.",
}
_DOCUMENTED = {
    "VSM_MAX_CONCURRENT_INSTALLS": ("installs_at_once", 1),
    "VSM_HTTP_TIMEOUT_MS": ("discovery_timeout", 1e-3),
    "VSM_CACHE_TTL_SECONDS": ("registry_kept_for", 1),
}
"""Names of the deployment guide."""

_SWITCHES = {"VSM_MCP_ENABLED": "servers"}

_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off"})


def wrong(error: ValidationError) -> ConfigurationError:
    """Return the error for variables whose values make no sense; it shows none of the values."""
    problems = [
        f"{PREFIX}{'__'.join(str(part) for part in problem['loc']).upper()}: {problem['msg'].lower()}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return ConfigurationError(
        f"The environment gives settings that make no sense: {'; '.join(problems)}.",
        remedies=(AS_JSON,),
    )


def refuse_switching_off() -> None:
    """Refuse variables that would switch protection off.

    Raises:
        ConfigurationError: There is one.
    """
    for variable, instead in _ALWAYS_ON.items():
        if os.environ.get(variable, "true").strip().lower() not in _YES:
            raise ConfigurationError(
                f"{variable} cannot be switched off: there is no such switch.",
                remedies=(f"Remove {variable} from the environment.", instead),
            )


def wants_audit() -> bool:
    """Tell whether ``VSM_AUDIT_LOGGING`` asks for a log on disk.

    Raises:
        ConfigurationError: It says neither yes nor no.
    """
    return _yes("VSM_AUDIT_LOGGING", instead=f"Set it to true or false, or name a directory with {PREFIX}AUDIT.")


def _yes(variable: str, *, instead: str) -> bool:
    said = os.environ.get(variable, "false").strip().lower()
    if said not in _YES | _NO:
        raise ConfigurationError(f"{variable} must be true or false, not {said[:40]!r}.", remedies=(instead,))
    return said in _YES


def documented_variables() -> dict[str, object]:
    """Return the options that are given under the names of the deployment guide."""
    found: dict[str, object] = {}
    for variable, (name, factor) in _DOCUMENTED.items():
        value = os.environ.get(variable)
        if value is None:
            continue
        if not value.strip().isdecimal():
            raise ConfigurationError(
                f"{variable} must be a whole number, not {value[:40]!r}.", remedies=(f"Use {PREFIX}{name.upper()}.",)
            )
        found[name] = int(value) if factor == 1 else int(value) * factor
    for variable, name in _SWITCHES.items():
        if variable in os.environ:
            found[name] = _yes(variable, instead=f"Set it to true or false, or use {PREFIX}{name.upper()}.")
    return found


def refuse_unknown_variables(names: Collection[str]) -> None:
    """Refuse a variable that is no setting.

    Raises:
        ConfigurationError: There is one.
    """
    known = {PREFIX + name.upper() for name in names} | _SWITCHES.keys()
    for variable in os.environ:
        if not variable.startswith(PREFIX) or variable.split("__")[0] in known:
            continue
        near = get_close_matches(variable, known, n=1)
        raise ConfigurationError(
            f"There is no setting {variable}.",
            remedies=(f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}.",),
        )
