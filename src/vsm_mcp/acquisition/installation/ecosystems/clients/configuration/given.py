"""What a confined package client is given of the user's configuration: files, variables, places to read, a way out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vsm_mcp.model.server import WORK_ROOT
from vsm_mcp.sandbox.egress.rules import Egress

CLIENT_ROOT = f"{WORK_ROOT}/.client"
"""Where a confined client finds what it is given; removed before anything else looks at its directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one run of a confined client is given.

    Attributes:
        words: The client's program and words, as it finds them, that every command of it begins with.
        files: Its configuration: names below ``CLIENT_ROOT`` to contents, which may hold secrets.
        env: Its variables. Nothing of this process's own environment is passed on.
        package: The directory of the client itself, when that can be shown at ``/pkg`` only.
        read_only: What it may read besides the system's own directories.
        egress: Where it may connect to.
    """

    words: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    package: Path | None = None
    read_only: tuple[Path, ...] = ()
    egress: Egress = field(default_factory=Egress)
