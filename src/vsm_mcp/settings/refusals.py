"""What the settings refuse: places that overlap, and secrets that anybody could get."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vsm_mcp.acquisition.vetting.patterns import gift_problem
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import ConfigurationError, SandboxError
from vsm_mcp.sandbox.policy import overlap, refuse_work

_APART = "Leave it out, which means {}/work, or name a directory of its own."
_OTHER_STATE = "Use another state directory, Settings(state=...), or name a workspace of its own."


def refuse_own_places(policy: Policy, own: Sequence[Path]) -> None:
    """Refuse grants of files that are the system's own.

    Raises:
        ConfigurationError: There is one.
    """
    for path in (path for grant in policy.grants for path in grant.read_only):
        for place in own:
            if overlap(path.resolve(), place):
                raise ConfigurationError(
                    f"A grant lets servers read {path}, which overlaps {place}: this system's records, or what other"
                    " servers write, are there.",
                    remedies=("Grant a directory that holds only what the server needs.",),
                )


def refuse_workspace(workspace: Path, state: Path) -> None:
    """Refuse a workspace that cannot be one, or that overlaps where packages and records are.

    Raises:
        ConfigurationError: It is such a one.
    """
    usual = workspace == state / "work"
    try:
        refuse_work(workspace)
    except SandboxError as error:
        raise ConfigurationError(
            f"The workspace cannot be {workspace}: {error.message}",
            remedies=(_OTHER_STATE if usual else _APART.format(state),),
        ) from error
    if not usual and overlap(workspace, state):
        raise ConfigurationError(
            f"The workspace {workspace} overlaps {state}, where packages and records are.",
            remedies=(_APART.format(state),),
        )


def refuse_among_work(places: Mapping[str, Path | None], work: Path) -> None:
    """Refuse settings that name a place among what servers write.

    Raises:
        ConfigurationError: One does; the message names it.
    """
    for name, place in places.items():
        if place is not None and place.is_relative_to(work):
            raise ConfigurationError(
                f"The setting {name} is {place}, which lies in {work}, where servers write.",
                remedies=(f"Keep {name} elsewhere.",),
            )


def bound(secrets: Mapping[str, object]) -> Mapping[str, object]:
    """Refuse secrets that are bound to no server: whoever declares the name of a variable would get its value.

    Raises:
        ConfigurationError: There is one.
    """
    for server, variables in secrets.items():
        if isinstance(variables, str):
            raise ConfigurationError(
                f"The secret {server} is bound to no server, so any that asks for it would get it.",
                remedies=(f"Name the server: secrets={{'npm:NAME': {{{server!r}: 'env:{server}'}}}}.",),
            )
        if wrong := gift_problem(server):
            raise ConfigurationError(
                f"Secrets are given to servers by their package: {wrong}.",
                remedies=("Write secrets={'npm:NAME': {'VARIABLE': 'env:VARIABLE'}}.",),
            )
    return secrets
