"""What the package offers is what its modules declare."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import troth.chain


@pytest.mark.parametrize(
    "name", ["", *(f".{one.name}" for one in pkgutil.iter_modules(troth.chain.__path__))]
)
def test_exports_exist_in_order(name: str) -> None:
    """Every name in `__all__` is there, sorted, and none begins with an underscore."""
    module = importlib.import_module(f"troth.chain{name}")
    assert all(hasattr(module, one) for one in module.__all__)
    assert module.__all__ == sorted(
        module.__all__, key=lambda one: (not one.isupper(), one[0].islower(), one)
    )
    assert not any(one.startswith("_") for one in module.__all__)


def test_docstring_names_every_module() -> None:
    """The map at the top of the package is whole."""
    for one in pkgutil.iter_modules(troth.chain.__path__):
        assert one.name in (troth.chain.__doc__ or "")
