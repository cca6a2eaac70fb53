"""Media types of GraphQL over HTTP: what a request may send, and which of two forms its answer takes."""

from collections.abc import Container, Iterator, Mapping, Sequence
from enum import Enum

from starlette.datastructures import Headers


class AnswerType(Enum):
    """The two forms of a GraphQL answer; they differ in the HTTP status of a request that cannot be run."""

    __hash__ = object.__hash__  # members are single; Enum's own is a Python function, and these are keys

    GRAPHQL = "application/graphql-response+json"
    JSON = "application/json"

    @property
    def content_type(self) -> str:
        """The header's value."""
        return f"{self.value}; charset=utf-8"


def accept_of(headers: Headers) -> str:
    """What a caller takes; several lines are one list."""
    return ", ".join(headers.getlist("accept"))


def answer_type_of(accept: str | None) -> AnswerType | None:
    """Choose the form by quality, then by the order given; None where the caller accepts neither.

    Without a preference the answer is `application/json`, which every client reads.
    """
    if not accept or not accept.strip():
        return AnswerType.JSON
    ranked = sorted(_ranges(accept), key=lambda one: -one[1])
    refused = {media_range for media_range, quality in ranked if quality == 0}
    for media_range, quality in ranked:
        if quality > 0:
            found = _match(media_range, refused=refused)
            if found is not None:
                return found
    return None


def prefers_html(accept: str | None) -> bool:
    """Say whether a browser asks for a page: it names HTML, and no form of a GraphQL answer above it."""
    ranked = sorted(_ranges(accept or ""), key=lambda one: -one[1])
    for media_range, quality in ranked:
        if media_range == "text/html":
            return quality > 0
        if media_range in {kind.value for kind in AnswerType}:
            return False
    return False


def is_readable(headers: Headers) -> bool:
    """Say whether a request's body is UTF-8 JSON as it stands."""
    given = headers.getlist("content-type")
    is_plain = headers.get("content-encoding", "identity").strip().lower() == "identity"
    return is_plain and len(given) == 1 and _is_json(given[0])


def _is_json(content_type: str) -> bool:
    essence, _, parameters = content_type.lower().partition(";")
    if essence.strip() != AnswerType.JSON.value:
        return False
    charset = parameters.replace(" ", "").partition("charset=")[2].partition(";")[0].strip('"')
    return charset in {"", "utf-8", "utf8"}


def accepts(accept: str | None, *, media_type: str) -> bool:
    """Say whether a caller takes answers of this type; one who says nothing takes all."""
    if not accept or not accept.strip():
        return True
    return _quality_of(media_type, qualities=dict(_ranges(accept))) > 0


def best_of(accept: str | None, *, offered: Sequence[str]) -> str | None:
    """Choose a media type by quality, then by the order offered; None where the caller takes none of them."""
    if not accept or not accept.strip():
        return offered[0]
    qualities = dict(_ranges(accept))
    ranked = {each: _quality_of(each, qualities=qualities) for each in offered}
    best = max(ranked, key=lambda each: ranked[each])
    return best if ranked[best] > 0 else None


def _quality_of(media_type: str, *, qualities: Mapping[str, float]) -> float:
    """How much a caller wants a type, by what is said of itself, else of its family, else of all."""
    family = f"{media_type.partition('/')[0]}/*"
    return next((qualities[each] for each in (media_type, family, "*/*") if each in qualities), 0.0)


def _match(media_range: str, *, refused: Container[str]) -> AnswerType | None:
    """The form of this range; of a range of several, the first that is not refused by name."""
    is_wide = media_range in {"*/*", "application/*"}
    for kind in (AnswerType.JSON, AnswerType.GRAPHQL):
        if kind.value == media_range or (is_wide and kind.value not in refused):
            return kind
    return None


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        yield media_range, _quality(parameters)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
