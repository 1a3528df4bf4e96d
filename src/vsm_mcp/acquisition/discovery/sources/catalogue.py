"""The bundled catalogue: well-known servers, each tried once by ``scripts/catalogue.py``; works without any network."""

from functools import cached_property
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.server import Candidate, PackageRef, Readiness, ToolSummary, Variable

FILE_NAME = "catalogue.json"

_Host = Annotated[str, Field(pattern=r"^(\*|(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?)$")]


class CatalogueVariable(BaseModel, frozen=True, extra="forbid"):
    """A variable that a server reads."""

    name: str
    required: bool = False
    secret: bool = False
    default: str | None = None


class CatalogueEntry(BaseModel, frozen=True, extra="forbid"):
    """One server of the catalogue.

    Attributes:
        name: Its name: the ownership mark of its package, else the package's name.
        package: ``npm:NAME`` or ``pypi:NAME``.
        version: The version that was tried.
        readiness: ``proven`` when it started and listed its tools, else ``needs-configuration``.
        tools: The names of its tools.
        note: What it took to start it, when its published form does not run as it is.
    """

    name: str
    package: str
    version: str
    title: str
    category: tuple[str, ...] = ()
    summary: str
    readiness: Readiness
    tools: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: tuple[CatalogueVariable, ...] = ()
    egress: tuple[_Host, ...] = ()
    publisher: str = ""
    repository: str = ""
    ownership: bool = False
    note: str = ""

    def candidate(self, source: str) -> Candidate:
        """Return the entry as a candidate; its package is not bound to the version that was tried."""
        return Candidate(
            name=self.name,
            source=source,
            package=PackageRef.parse(self.package),
            version=self.version,
            title=self.title,
            summary=self.summary,
            keywords=self.category,
            publisher=self.publisher,
            arguments=self.arguments,
            environment=tuple(
                Variable(name=one.name, required=one.required, secret=one.secret, default=one.default)
                for one in self.environment
            ),
            tools=tuple(ToolSummary(name=tool) for tool in self.tools),
            egress=self.egress,
            repository=self.repository,
            readiness=self.readiness,
        )


class Catalogue(BaseModel, frozen=True, extra="forbid"):
    """The whole catalogue and the day it was generated."""

    generated: str
    servers: tuple[CatalogueEntry, ...]


class CatalogueSource:
    """The servers that come with this library."""

    name = "catalogue"
    fresh_for = AT_ONCE

    def __repr__(self) -> str:
        """Say what it is."""
        return "CatalogueSource()"

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue, read when first needed.

        Raises:
            ConfigurationError: The file is missing from this installation, or damaged.
        """
        try:
            data = files("vsm_mcp.acquisition.discovery.sources").joinpath(FILE_NAME).read_bytes()
            return TypeAdapter(Catalogue).validate_json(data)
        except (OSError, ValidationError) as error:
            raise ConfigurationError(
                f"The bundled catalogue cannot be read: {type(error).__name__}.",
                remedies=("Install vsm_mcp again.",),
            ) from error

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return the whole catalogue."""
        return self._listing

    @cached_property
    def _listing(self) -> Listing:
        return Listing(candidates=tuple(entry.candidate(self.name) for entry in self.catalogue.servers))
