"""The optional package `nir`, or the way to get it."""

from __future__ import annotations

from types import ModuleType

__all__ = ["nir_package"]


def nir_package() -> ModuleType:
    """Return the package `nir`.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        import nir
    except ImportError as error:
        raise ValueError(
            "Expected the package nir for this format, but found none. "
            "Install it with `pip install 'saflab[nir]'`."
        ) from error
    return nir
