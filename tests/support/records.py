"""Consent records and receipts held against the standards they follow, by libraries made by others."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pyshacl
import rdflib
from pyld import jsonld
from rdflib.compare import isomorphic

SHAPES = Path(__file__).parent.parent / "unit" / "consent" / "shapes.ttl"


class NotConformant(AssertionError):  # noqa: N818  as the package's errors are named
    """A document breaks a rule, and this is what the validator says."""


@cache
def _schema() -> jsonschema.Draft202012Validator:
    """The JSON Schema that the package ships."""
    schema = json.loads((files("troth.consent") / "receipt.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@cache
def _shapes() -> rdflib.Graph:
    """The SHACL shapes."""
    return rdflib.Graph().parse(SHAPES)


def _unreachable(url: str, _options: object) -> None:
    """Loads no context: one that must be fetched is a defect."""
    raise NotConformant(f"{url} would have to be fetched")


def _dropped(key: str | None) -> None:
    """Takes no key that stands for no IRI."""
    raise NotConformant(f"the context does not define {key}")


def expanded(document: Mapping[str, Any]) -> list[Any]:
    """The document as a JSON-LD processor understands it. NotConformant where that loses a key."""
    found: list[Any] = jsonld.expand(document, {"documentLoader": _unreachable}, _dropped)
    return found


def graph_of(document: Mapping[str, Any]) -> rdflib.Graph:
    """The document as RDF, read by rdflib."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its parser still uses a class that it gives up
        return rdflib.Graph().parse(data=json.dumps(document), format="json-ld")


def check_schema(document: Mapping[str, Any]) -> None:
    """NotConformant unless the JSON Schema holds."""
    for error in _schema().iter_errors(json.loads(json.dumps(document))):
        best = jsonschema.exceptions.best_match([error])
        raise NotConformant(f"{'/'.join(map(str, best.absolute_path))}: {best.message}")


def check_shapes(document: Mapping[str, Any]) -> None:
    """NotConformant unless the SHACL shapes hold."""
    conforms, _, text = pyshacl.validate(graph_of(document), shacl_graph=_shapes())
    if not conforms:
        raise NotConformant(text)


def check_linked(document: Mapping[str, Any]) -> None:
    """NotConformant unless expanding loses nothing, compacting gives it back, and two libraries read the same
    statements in it.
    """
    options = {"documentLoader": _unreachable}
    meant = expanded(document)
    again = jsonld.compact(meant, document["@context"], options)
    if expanded(again) != meant:
        raise NotConformant("compacting does not give back what was expanded")
    quads = jsonld.to_rdf(
        jsonld.flatten(document, None, options), {"format": "application/n-quads", **options}
    )
    if not isomorphic(rdflib.Graph().parse(data=quads, format="nt"), graph_of(document)):
        raise NotConformant("pyld and rdflib read it differently")


def check(document: Mapping[str, Any]) -> None:
    """All of them."""
    check_schema(document)
    check_linked(document)
    check_shapes(document)
