"""Rules: what the functions of a language's world do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, auto
from functools import cached_property

from vsm_mcp.model.verdict import Permission


class Role(IntEnum):
    """What calling something does; a number, which is quicker to look up than a name."""

    PLAIN = auto()
    CODE = auto()
    PROCESS = auto()
    NETWORK = auto()
    READ = auto()
    WRITE = auto()
    OPEN = auto()
    REMOVE = auto()
    DECODE = auto()
    UNPACK = auto()
    CARRY = auto()
    TEXT = auto()
    JOIN = auto()
    HOME = auto()
    IMPORT = auto()
    ATTRIBUTE = auto()
    SAME = auto()
    GLUE = auto()
    PIPE = auto()
    TIMER = auto()
    LOAD = auto()
    GETTER = auto()
    SPY = auto()
    VARIABLE = auto()
    PATH = auto()


@dataclass(frozen=True, slots=True)
class Effect:
    """What calling something does and which permission that needs."""

    role: Role
    permission: Permission | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The functions of one language's world.

    Attributes:
        functions: Effects by dotted name; a name stands for everything below it, too.
        methods: Effects by the last part of a name, for receivers that are not known.
        environment: The names of the whole environment.
        imports: Permissions that importing a module suggests.
        aliases: Name prefixes that mean another one.
        builtins: Names that mean something without being bound in the file.
        writer: The name of a call that returns an open file.
        joins_receiver: True when ``join`` is a method of the list, not of the text between.
        quiet: Those of the builtins that alone lead to nothing.
        names_arguments: True when a program's environment is an argument with a name, not part of an object.
    """

    functions: Mapping[str, Effect]
    methods: Mapping[str, Effect]
    environment: frozenset[str]
    imports: Mapping[str, Permission]
    aliases: tuple[tuple[str, str], ...]
    builtins: frozenset[str]
    writer: str
    joins_receiver: bool = False
    names_arguments: bool = False
    quiet: frozenset[str] = frozenset()

    @cached_property
    def sinks(self) -> frozenset[str]:
        """The words without one of which a file can do nothing that is worth following."""
        names = (name for name, effect in self.functions.items() if effect.role not in _HARMLESS)
        heads = {re.split(r"[./()]", name, maxsplit=1)[0] for name in (*names, *self.imports, *self.environment)}
        reading = {name for name, effect in self.methods.items() if effect.role in _TOUCHING}
        return frozenset(heads | reading | self.builtins) - self.quiet

    def canonical(self, name: str) -> str:
        """Return the name without the ways around that lead to the same thing."""
        if not name.startswith(self._prefixes):
            return name
        for prefix, plain in self.aliases:
            if name.startswith(prefix):
                name = plain + name[len(prefix) :]
        return name

    def effect(self, name: str) -> Effect | None:
        """Return what calling ``name`` does, if anything is known."""
        exact = self.functions.get(name)
        if exact is not None:
            return exact
        head, dot, last = name.rpartition(".")
        if ("?" in head or "()" in head) and last in self.methods:
            return self.methods[last]
        return self._above(head) or (self.methods.get(last) if dot else None)

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(prefix for prefix, _ in self.aliases)

    def _above(self, name: str) -> Effect | None:
        while name:
            name = name.removesuffix("()")
            found = self.functions.get(name)
            if found is not None:
                return found
            name = name.rpartition(".")[0]
        return None


_TOUCHING = (Role.READ, Role.WRITE, Role.OPEN, Role.REMOVE)
_HARMLESS = (Role.CARRY, Role.TEXT, Role.JOIN, Role.SAME, Role.TIMER, Role.DECODE, Role.GLUE)
_PERMISSIONS = {
    Role.CODE: Permission.DYNAMIC_CODE,
    Role.PROCESS: Permission.PROCESSES,
    Role.NETWORK: Permission.NETWORK,
    Role.READ: Permission.FILES_READ,
    Role.WRITE: Permission.FILES_WRITE,
    Role.REMOVE: Permission.FILES_WRITE,
    Role.UNPACK: Permission.DYNAMIC_CODE,
    Role.LOAD: Permission.FILES_READ,
    Role.VARIABLE: Permission.ENVIRONMENT,
}


def effects(table: Mapping[Role, str]) -> dict[str, Effect]:
    """Read ``role -> names``, the permission being the role's own."""
    return {
        name: Effect(role=role, permission=_PERMISSIONS.get(role))
        for role, names in table.items()
        for name in names.split()
    }
