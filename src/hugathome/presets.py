"""Services from files: those that come with this library, and a host's own."""

from collections.abc import Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path

from hugathome.errors import ConfigurationError
from hugathome.record.services import Service, parse_services


def presets() -> Mapping[str, Service]:
    """Return the services that come with this library, by identifier."""
    return parse_services((files("hugathome") / "presets.toml").read_text(encoding="utf-8"))


def load_services(path: str | PathLike[str]) -> Mapping[str, Service]:
    """Return the services of a TOML file by identifier, or raise `ConfigurationError`, which says where."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, TypeError, ValueError):
        raise ConfigurationError(f"{path} cannot be read") from None
    try:
        return parse_services(text)
    except ConfigurationError as refused:
        raise ConfigurationError(f"{path}: {refused}") from None
