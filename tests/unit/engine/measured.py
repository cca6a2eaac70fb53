"""Documents read against the gateway's own schema, as the service reads them."""

from graphql import GraphQLError

from gateway.domain.errors import ErrorCode, GatewayError
from gateway.engine.costs import CostModel, CostTable
from gateway.engine.limits import FormLimits
from gateway.engine.reading import Document, read_document
from gateway.schema.costs import FIELD_COSTS, LIST_LENGTHS
from gateway.schema.schema import build_schema

SCHEMA = build_schema()._schema
COSTS = CostModel(SCHEMA, CostTable(lengths=LIST_LENGTHS, costs=FIELD_COSTS))


def read(text: str, *, limits: FormLimits | None = None, hide_suggestions: bool = False) -> Document:
    """The document of this text."""
    return read_document(text, limits=limits or FormLimits(), costs=COSTS, hide_suggestions=hide_suggestions)


def refused(text: str, *, limits: FormLimits | None = None) -> tuple[ErrorCode, str]:
    """The code and message of the one error of a document that may not be run."""
    document = read(text, limits=limits)
    assert document.syntax is None
    [error] = document.errors
    return code_of(error), error.message


def code_of(error: GraphQLError) -> ErrorCode:
    """The catalogue's code of a document's error."""
    assert isinstance(error.original_error, GatewayError)
    return error.original_error.code
