"""Which user a sandbox runs under when this process is root, and making that user the owner of its directory."""

import os
import pwd
import stat
from collections.abc import Collection
from pathlib import Path

from vsm_mcp.errors import SandboxError

UNCLAIMED = range(61184, 65520)
"""User numbers that systems keep for users who exist only while they run something."""

_OWN_DIRECTORY = "Give the server an empty directory of its own."


def choose_user(wanted: int | None, work: Path | None, taken: Collection[int]) -> int | None:
    """Return the user to run under, or ``None`` to stay the user this process is.

    Args:
        wanted: What the policy says.
        work: The kept directory: a sandbox user that owns it already is taken again.
        taken: Numbers in use by other sandboxes of this process.

    Raises:
        SandboxError: There is none, or only root may do what the policy wants.
    """
    own = os.geteuid()
    if own != 0:
        if wanted not in {None, own}:
            raise SandboxError(
                f"Only root may run a server as user {wanted}; this process is user {own}.",
                remedies=("Leave run_as out of the policy.",),
            )
        return None
    owner = None if work is None or not work.exists() else work.stat().st_uid
    if wanted is not None:
        return wanted
    if owner is not None and owner in UNCLAIMED and not _has_name(owner):
        return owner
    return _unused(taken)


def hand_over(work: Path, user: int) -> None:
    """Make ``user`` the owner of ``work`` and of everything in it that root or another sandbox owns.

    Raises:
        SandboxError: Somebody else owns a part of it, or a file in it has a second name elsewhere.
    """
    try:
        if work.stat().st_uid == user:
            return
        for _, directories, files, descriptor in os.fwalk(work, onerror=_fail):
            for name in (*directories, *files):
                _hand_over_entry(name, descriptor, user=user, inside=work)
        _refuse_owner(str(work), work.stat().st_uid, user)
        os.chown(work, user, user, follow_symlinks=False)
    except OSError as error:
        raise SandboxError(
            f"{work} cannot be given to the user {user} of the sandbox: {error}.", remedies=(_OWN_DIRECTORY,)
        ) from error


def _fail(error: OSError) -> None:
    raise error


def _hand_over_entry(name: str, directory: int, *, user: int, inside: Path) -> None:
    shown = f"{name} in {inside}"
    entry = os.stat(name, dir_fd=directory, follow_symlinks=False)
    _refuse_owner(shown, entry.st_uid, user)
    if stat.S_ISREG(entry.st_mode) and entry.st_nlink > 1:
        raise SandboxError(
            f"{shown} has a second name elsewhere, so it cannot be given to a sandbox.", remedies=(_OWN_DIRECTORY,)
        )
    os.chown(name, user, user, dir_fd=directory, follow_symlinks=False)


def _refuse_owner(what: str, owner: int, user: int) -> None:
    if owner not in {0, user} and owner not in UNCLAIMED:
        raise SandboxError(
            f"{what} belongs to user {owner}, so it cannot be given to the user {user} of the sandbox.",
            remedies=(_OWN_DIRECTORY, f"Set run_as to {owner} if the server may act as that user."),
        )


def _unused(taken: Collection[int]) -> int:
    busy = {*taken, *_running()}
    mapped = _mapped()
    offset = os.getpid() % len(UNCLAIMED)
    for number in (*UNCLAIMED[offset:], *UNCLAIMED[:offset]):
        if number not in busy and any(number in known for known in mapped) and not _has_name(number):
            return number
    raise SandboxError(
        f"No user number from {UNCLAIMED.start} to {UNCLAIMED.stop - 1} is free to run a sandbox under.",
        remedies=("Name one with run_as.", "Run this program as an ordinary user."),
    )


def _running() -> set[int]:
    """Return the users that run processes; a process that ends meanwhile does not count."""
    found: set[int] = set()
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdecimal():
                try:
                    found.add(entry.stat().st_uid)
                except OSError:
                    continue
    return found


def _mapped() -> tuple[range, ...]:
    """Return the user numbers that exist in the user namespace of this process."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    starts = [tuple(int(word) for word in line.split()) for line in lines]
    return tuple(range(first, first + count) for first, _, count in starts)


def _has_name(number: int) -> bool:
    try:
        pwd.getpwuid(number)
    except KeyError:
        return False
    return True
