"""The optional package `nir`, or the way to get it."""

from __future__ import annotations

from types import ModuleType

from saflab.machine import optional

__all__ = ["nir_package"]


def nir_package() -> ModuleType:
    """Return the package `nir`.

    Raises:
        MissingPackage: If it is not installed.
    """
    with optional("nir"):
        import nir
    return nir
