"""The registries of the settings: addresses that can be asked, each once, and headers for no others."""

from collections.abc import Mapping

from vsm_mcp.acquisition.discovery.sources.registry import address_of, name_of
from vsm_mcp.errors import ConfigurationError, PayloadError


def distinct(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses without their last slashes.

    Raises:
        ConfigurationError: One cannot be asked, or two are the same registry.
    """
    found: dict[str, str] = {}
    for place, given in enumerate(addresses, start=1):
        address = _checked(given, {}, what=f"Number {place} of the registries")
        other = found.setdefault(name_of(address), address)
        if other is not address:
            raise ConfigurationError(
                f"The registries {other} and {address} are the same one.",
                remedies=("Name every registry once, with https where it has that.",),
            )
    return tuple(found.values())


def with_registries(
    headers: Mapping[str, Mapping[str, str]], registries: tuple[str, ...]
) -> Mapping[str, Mapping[str, str]]:
    """Return the headers by the address of their registry, as that is among ``registries``.

    Raises:
        ConfigurationError: There is no such registry, it is there twice, or a header cannot be sent.
    """
    found: dict[str, Mapping[str, str]] = {}
    for place, (given, of_one) in enumerate(headers.items(), start=1):
        address = _checked(given, of_one, what=f"Number {place} of the registry_headers")
        if address not in registries:
            raise ConfigurationError(
                f"There are headers for {address}, which is none of the registries.",
                remedies=(f"Write the address as in registries: {', '.join(registries) or 'there is none'}.",),
            )
        if address in found:
            raise ConfigurationError(
                f"There are headers for {address} twice.", remedies=("Write all its headers in one place.",)
            )
        found[address] = of_one
    return found


def _checked(address: str, headers: Mapping[str, str], *, what: str) -> str:
    try:
        return address_of(address, headers)
    except PayloadError as error:  # the address is not shown: it may hold a password
        raise ConfigurationError(f"{what} cannot be used: {error.message}", remedies=error.remedies) from error
