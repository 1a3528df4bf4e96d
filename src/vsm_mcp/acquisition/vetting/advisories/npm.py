"""npm's advisories, from the registry that the user's npm is configured for: what ``npm audit`` asks it."""

import json
import re
from collections.abc import Mapping, Sequence

import anyio

from vsm_mcp.acquisition.discovery.reading import items, mapping, parse, text
from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.vetting.advisories.advisory import Advisory, Answer, Pinned
from vsm_mcp.acquisition.vetting.advisories.ranges import satisfies
from vsm_mcp.acquisition.vetting.advisories.severity import rated
from vsm_mcp.errors import LinkError, PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.world.http import Http

ENDPOINT = "-/npm/v1/security/advisories/bulk"
PATIENCE = 30.0
LARGEST_ANSWER = 20_000_000

_MOST = 500
_GHSA = re.compile(r"GHSA(-[0-9a-z]{4}){3}")
_HEADERS = {"content-type": "application/json", "accept": "application/json"}


class NpmAdvisories:
    """Asks the user's registry about all packages at once. Many mirrors do not know: that is unknown, never fine.

    Args:
        registry: Knows which registry it is, and which ones single scopes come from.
        http: Sends the request.
        patience: Seconds a registry may take.
    """

    name = "npm registry"

    def __init__(self, registry: NpmRegistry, http: Http, *, patience: float = PATIENCE) -> None:
        """Keep the ports."""
        self._registry = registry
        self._http = http
        self._patience = patience

    def __repr__(self) -> str:
        """Say what it is."""
        return "NpmAdvisories()"

    async def about(self, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        """Return what the registries say; packages of other ecosystems are left out.

        Raises:
            ConfigurationError: npm is missing or does not say which registry it uses.
        """
        asked = [package for package in packages if package.ecosystem == "npm"]
        if not asked:
            return {}
        settings = await self._registry.settings()
        groups: dict[str, list[Pinned]] = {}
        for package in asked:
            groups.setdefault(settings.base(package.name), []).append(package)
        answers: dict[Pinned, Answer] = {}

        async def ask(base: str, group: Sequence[Pinned]) -> None:
            answers.update(await self._ask(base, group, cafile=settings.cafile))

        async with anyio.create_task_group() as tasks:
            for base, group in groups.items():
                tasks.start_soon(ask, base, group)
        return answers

    async def _ask(self, base: str, packages: Sequence[Pinned], *, cafile: str | None) -> Mapping[Pinned, Answer]:
        try:
            with anyio.fail_after(self._patience):
                told = await self._post(base, packages, cafile=cafile)
        except TimeoutError:
            reason = f"it did not answer within {self._patience:g} seconds"
        except (LinkError, PayloadError) as error:
            reason = error.message.rstrip(".")
        else:
            return {package: _answer(told, package) for package in packages}
        return dict.fromkeys(packages, Answer(unknown=reason))

    async def _post(self, base: str, packages: Sequence[Pinned], *, cafile: str | None) -> JsonObject:
        wanted: dict[str, list[str]] = {}
        for package in packages:
            wanted.setdefault(package.name, []).append(package.version)
        body = json.dumps(wanted).encode()
        reply = await self._http.send(
            "POST", base + ENDPOINT, headers=_HEADERS, body=body, limit=LARGEST_ANSWER, cafile=cafile
        )
        if not reply.ok:
            raise LinkError(f"it answers {reply.status} when asked for advisories")
        told = parse(reply.body, what="its answer about advisories")
        if not isinstance(told, Mapping):
            raise PayloadError("its answer about advisories is no JSON object")
        return told


def _answer(told: JsonObject, package: Pinned) -> Answer:
    raw = told.get(package.name)
    listed = items(raw, _MOST)
    readable = raw is None or (isinstance(raw, list) and len(raw) <= _MOST and all(map(_identity, listed)))
    found = [one for value in listed if (one := _advisory(mapping(value), package)) is not None]
    unknown = "" if readable else "its answer cannot be read"
    return Answer(advisories=tuple(found), unknown=unknown)


def _advisory(raw: JsonObject, package: Pinned) -> Advisory | None:
    identity = _identity(raw)
    holds = satisfies(package.version, text(raw.get("vulnerable_versions"), 10_000))
    if not identity or holds is False:
        return None
    return Advisory(
        identity=identity,
        severity=rated(
            words=[text(raw.get("severity"), 40)],
            vectors=[text(mapping(raw.get("cvss")).get("vectorString"), 500)],
        ),
        summary=text(raw.get("title"), 300),
        weaknesses=frozenset(text(one, 40) for one in items(raw.get("cwe"), 100)),
        certain=holds is True,
    )


def _identity(value: JsonValue) -> str:
    raw = mapping(value)
    named = _GHSA.search(text(raw.get("url"), 500))
    number = raw.get("id")
    if named:
        return named.group()
    return f"npm:{number}" if isinstance(number, int | str) and number else ""
