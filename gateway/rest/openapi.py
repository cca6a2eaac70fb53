"""The OpenAPI 3.1 document, made of the operations' table and the very types that requests are read into."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from gateway.domain.errors import BadUserInput, ErrorCode, Refusal, error_classes
from gateway.domain.idempotency import KEY_HEADER, REPLAYED_HEADER
from gateway.rest.errors import PROBLEM_TYPE, STATUS_BY_CODE, Problem, problem_of
from gateway.rest.examples import EXAMPLES
from gateway.rest.exports.exporting import HEADERS as EXPORT_HEADERS
from gateway.rest.exports.formats import ExportFormat
from gateway.rest.exports.tables import columns_of
from gateway.rest.operation import Operation, Tag
from gateway.rest.operations import OPERATIONS, PREFIX, by_path
from gateway.rest.shapes import Given

JSON_TYPE: Final = "application/json"
_REF: Final = "#/components/schemas/{name}"
_INFO: Final = {
    "title": "Evolux gateway",
    "version": "1.0.0",
    "summary": "Evolux's agent API for other services: cached, normalized, per tenant.",
    "description": (
        "The same operations as the GraphQL surface at `/graphql`. Reads are served from memory while fresh: "
        "`Age` and `Cache-Status` say how old, `Cache-Control: max-age` or `no-cache` on a request bounds "
        "it. A write is sent to Evolux once and never repeated; with an `Idempotency-Key` its answer is kept "
        "for 24 hours and replayed. Errors are problems after RFC 9457 whose `code` is one of a closed set."
    ),
    "contact": {"name": "Whoever runs this gateway", "url": "https://www.rfc-editor.org/rfc/rfc9457"},
    "license": {"name": "MIT", "identifier": "MIT"},
}
_EVERYWHERE: Final = (
    ErrorCode.BAD_USER_INPUT,
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.FORBIDDEN,
    ErrorCode.RATE_LIMITED,
    ErrorCode.INTERNAL_SERVER_ERROR,
    ErrorCode.UPSTREAM_INVALID_RESPONSE,
    ErrorCode.UPSTREAM_UNAVAILABLE,
    ErrorCode.UPSTREAM_TIMEOUT,
)
_OF_WRITES: Final = (
    ErrorCode.UPSTREAM_REFUSED,
    ErrorCode.IDEMPOTENCY_KEY_REUSED,
    ErrorCode.OUTCOME_UNKNOWN,
    ErrorCode.OPERATION_TOO_LARGE,
)
_KEY_SCHEMA: Final = {
    "type": "string",
    "pattern": "^[!#-~]{1,255}$",
}
_STATUS_WORDS: Final = {
    400: "A value or the request itself is wrong",
    401: "No caller is known by what was sent",
    403: "The caller may not do this, or has no such tenant",
    404: "There is no such thing in this tenant",
    406: "None of the accepted media types can be given",
    408: "The body did not come in time",
    409: "The state forbids it",
    413: "The request is over a limit",
    415: "The body is not JSON in UTF-8",
    422: "Refused by Evolux, or a key that was used for another request",
    429: "More than the gateway allows",
    500: "The gateway's own failure",
    502: "Evolux's answer was lost or not intelligible",
    503: "Evolux or the gateway cannot serve at the moment",
    504: "Evolux did not answer in time",
}


def build_document() -> dict[str, Any]:
    """The document, as JSON could say it."""
    schemas = _schemas()
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": PREFIX, "description": "This gateway."}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag.name.lower(), "description": tag.value} for tag in Tag],
        "paths": {
            path: {method.lower(): _describe(operation) for method, operation in sorted(methods.items())}
            for path, methods in by_path().items()
        },
        "components": {
            "schemas": schemas,
            "responses": _problems(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, or a JWT of the configured issuer.",
                }
            },
        },
    }


def write_document() -> bytes:
    """The document's bytes, as openapi.json holds them."""
    encoded = msgspec.json.encode(build_document())
    return msgspec.json.format(encoded, indent=2) + b"\n"


def _schemas() -> dict[str, Any]:
    """Every type of a request or an answer, under its own name."""
    types: list[Any] = [Problem, *(operation.answer for operation in OPERATIONS)]
    types += [operation.body for operation in OPERATIONS if operation.body is not None]
    _, schemas = msgspec.json.schema_components(list(dict.fromkeys(types)), ref_template=_REF)
    extras = {of.__name__: dict(of.schema_extra) for of in types if issubclass(of, Given)}
    for operation in OPERATIONS:
        if operation.formats:
            _add_column_types(schemas[operation.answer.__name__], row_type=operation.answer)
    return {name: {**_tidy(schema), **extras.get(name, {})} for name, schema in sorted(schemas.items())}


def _add_column_types(schema: dict[str, Any], *, row_type: type[msgspec.Struct]) -> None:
    for column in columns_of(row_type):
        schema["properties"][column.name]["x-arrow-type"] = column.type_name


def _tidy(schema: Any) -> Any:
    """Without what JSON Schema says of itself better elsewhere: titles that repeat the name."""
    if isinstance(schema, dict):
        return {
            name: _tidy(value)
            for name, value in schema.items()
            if not (name == "title" and isinstance(value, str))
        }
    return [_tidy(value) for value in schema] if isinstance(schema, list) else schema


def _describe(operation: Operation) -> dict[str, Any]:
    scope = f"Needs the scope `{operation.scope}`." if operation.scope else ""
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.description} {scope}".strip(),
        "tags": [operation.tag.name.lower()],
        "parameters": [*_parameters(operation), *_headers(operation)],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": not operation.body_optional,
            "description": "What is to be done.",
            "content": {JSON_TYPE: _media(operation.body)},
        }
    return described


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for place, of in (("path", operation.path_type), ("query", operation.query)):
        if of is None:
            continue
        schema = msgspec.json.schema(of)
        [fields] = schema["$defs"].values() if len(schema["$defs"]) == 1 else [schema["$defs"][of.__name__]]
        required = set(fields.get("required", ()))
        for name, shown in fields["properties"].items():
            yield {
                "name": name,
                "in": place,
                "required": name in required,
                "description": shown.get("description", "What is asked for."),
                "schema": _inlined(_tidy(shown), definitions=schema["$defs"]),
            }


def _inlined(schema: Any, *, definitions: Mapping[str, Any]) -> Any:
    """A parameter's schema with what it refers to in place."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(_tidy(definitions[schema["$ref"].rpartition("/")[2]]), definitions=definitions)
        return {name: _inlined(value, definitions=definitions) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_inlined(value, definitions=definitions) for value in schema]
    return schema


def _headers(operation: Operation) -> list[dict[str, Any]]:
    tenant = _header("X-Tenant", "The tenant, where the caller may use more than one.", {"type": "string"})
    if operation.is_write:
        words = (
            "Repeat a write safely: the first answer to this key, best a UUID, is kept for 24 hours and "
            "replayed."
        )
        return [tenant, _header(KEY_HEADER, words, _KEY_SCHEMA)]
    words = "`max-age=N` or `no-cache` bounds how old the answer may be."
    return [tenant, _header("Cache-Control", words, {"type": "string"})]


def _header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _responses(operation: Operation) -> dict[str, Any]:
    codes = (*_EVERYWHERE, *(_OF_WRITES if operation.is_write else ()), *operation.codes)
    statuses = {STATUS_BY_CODE[code] for code in codes} | {406}
    if operation.body is not None:
        statuses |= {408, 415}
    success: dict[str, Any] = {
        "description": operation.summary + ".",
        "headers": _answer_headers(operation),
        "content": _content(operation),
    }
    answers: dict[str, Any] = {str(operation.status): success}
    if not operation.is_write:
        answers["304"] = {"description": "What the caller holds, by its ETag, is as it was."}
    for status in sorted(statuses):
        answers[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    return answers


def _content(operation: Operation) -> dict[str, Any]:
    """The media types of an answer; of a file, the types of its columns stand with those of JSON."""
    if not operation.formats:
        return {JSON_TYPE: _media(operation.answer)}
    content: dict[str, Any] = {
        each.media_type: {
            "schema": {"type": "string", "description": f"A row is `{operation.answer.__name__}`."}
        }
        for each in operation.formats
    }
    content[ExportFormat.NDJSON.media_type] = _media(operation.answer)
    return content


def _answer_headers(operation: Operation) -> dict[str, Any]:
    text = {"type": "string"}
    headers = {"X-Request-Id": ("The request's id, taken from the request or made.", text)}
    if operation.is_write:
        headers[REPLAYED_HEADER] = ("`true` where this is the kept answer to an earlier request.", text)
    else:
        headers["ETag"] = ("The version of what was read, where it has one.", text)
        headers["Age"] = ("How many seconds ago Evolux was asked.", {"type": "integer"})
        headers["Cache-Status"] = ("Where the listing came from, after RFC 9211.", text)
    if operation.formats:
        headers |= {name: (words, text) for name, words in EXPORT_HEADERS.items()}
        headers["Content-Disposition"] = ("The file's name.", text)
    return {name: {"description": words, "schema": schema} for name, (words, schema) in headers.items()}


def _media(of: Any) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": {"$ref": _REF.format(name=of.__name__)}}
    if of in EXAMPLES:
        media["examples"] = {"example": {"value": msgspec.to_builtins(EXAMPLES[of])}}
    return media


def _name(status: int) -> str:
    return f"Problem{status}"


def _problems() -> dict[str, Any]:
    """An answer for each status, with an example for each code that comes with it."""
    of_graphql = {code for code in ErrorCode if code.value.startswith(("GRAPHQL", "PERSISTED"))}
    problems = {}
    for status in sorted(_STATUS_WORDS):
        codes = [code for code, own in STATUS_BY_CODE.items() if own == status and code not in of_graphql]
        problems[_name(status)] = _problem(status, codes or [ErrorCode.BAD_REQUEST])
    return problems


def _problem(status: int, codes: Iterable[ErrorCode]) -> dict[str, Any]:
    return {
        "description": f"{_STATUS_WORDS[status]}.",
        "content": {
            PROBLEM_TYPE: {
                "schema": {"$ref": _REF.format(name="Problem")},
                "examples": {
                    code.value: {"value": msgspec.to_builtins(_example(code, status=status))}
                    for code in codes
                },
            }
        },
    }


def _example(code: ErrorCode, *, status: int) -> Problem:
    error_class = next(each for each in error_classes() if each.code is code)
    words = (error_class.__doc__ or "").partition("\n")[0]
    field = ("pauseId",) if error_class is BadUserInput else None
    error = error_class(words, field=field if issubclass(error_class, Refusal) else None)
    return problem_of(error, request_id="7f0c9a53d1f34f0c", status=status)


if __name__ == "__main__":
    sys.stdout.buffer.write(write_document())
