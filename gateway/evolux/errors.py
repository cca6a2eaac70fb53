"""What Evolux's answers mean: one table, in both of its languages; the first rule that fits decides."""

import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from gateway.domain import errors
from gateway.domain.errors import GatewayError
from gateway.evolux.envelope import Envelope, Text
from gateway.evolux.operations import READS, WRITES, Operation


class Example(NamedTuple):
    """An answer that reaches its rule and none before it."""

    operation: Operation
    status: int
    text: str = ""
    key: str | None = None


class Rule(NamedTuple):
    """An answer to one of `operations` with one of `statuses` and a text that has `words` means `error`."""

    operations: Collection[Operation]
    statuses: Collection[int]
    words: str
    error: type[GatewayError]
    message: str
    example: Example
    field: tuple[str, ...] | None = None


ALL = frozenset(Operation)
AGENT_INPUT = frozenset({Operation.CREATE_AGENT, Operation.UPDATE_AGENT})
ABOUT_ONE_AGENT = frozenset(operation for operation in Operation if operation.is_about_one_agent)
CREATE = frozenset({Operation.CREATE_AGENT})
PAUSE = frozenset({Operation.PAUSE_AGENT})
UNPAUSE = frozenset({Operation.UNPAUSE_AGENT})
LOG_OFF = frozenset({Operation.LOG_OFF_AGENT})

REFUSING = frozenset({400, 404, 409, 422, 500})
"""Where a text of Evolux's own stands: its codes for like conflicts differ, and a constraint can be a 500."""
INVALID = frozenset({400, 422})
ABSENT = r"not found|does not exist|nao (foi )?encontrad|nao existe|inexistente"
NOT_LOGGED = r"not logged|logged (off|out)|nao (esta |estava )?logad|deslogad"
IN_CALL = r"\bcall\b|chamada|ligacao"

RULES: tuple[Rule, ...] = (
    Rule(ALL, {429}, "", errors.UpstreamRateLimited, "Evolux asks for fewer requests",
         Example(Operation.LIST_AGENTS, 429)),
    Rule(ALL, {401, 403}, "", errors.UpstreamCredentialsRejected, "Evolux refused the tenant's token",
         Example(Operation.LIST_AGENTS, 401, "Unauthorized")),
    Rule(ALL, {400}, r"\btoken\b", errors.UpstreamCredentialsRejected, "Evolux refused the tenant's token",
         Example(Operation.LIST_AGENTS, 400, "Missing token.")),
    Rule(CREATE, REFUSING, r"login.*(\bused\b|in use|taken|exists|usado|em uso|existe)|(usado|existe).*login",
         errors.LoginTaken, "another agent has this login",
         Example(Operation.CREATE_AGENT, 400, "Agente não foi criado, esse login já está sendo usado."),
         field=("login",)),
    Rule(AGENT_INPUT, REFUSING, rf"(queue|fila).*({ABSENT})|({ABSENT}).*(queue|fila)",
         errors.QueueNotFound, "no such queue", Example(Operation.UPDATE_AGENT, 422, "Queue not found"),
         field=("queue_ids",)),
    Rule(AGENT_INPUT, INVALID, r"level|priorit|nive(l|is)\b|prioridade", errors.BadUserInput,
         "Evolux does not accept these levels",
         Example(Operation.UPDATE_AGENT, 400, "invalid priority", "levels"),
         field=("levels",)),
    Rule(AGENT_INPUT, INVALID, r"queue|fila", errors.BadUserInput, "Evolux does not accept these queues",
         Example(
             Operation.CREATE_AGENT, 400, "Agent not created, queues list must contains only integer ids."
         ),
         field=("queue_ids",)),
    Rule(AGENT_INPUT, INVALID, r"password|senha", errors.BadUserInput, "Evolux does not accept this password",
         Example(
             Operation.UPDATE_AGENT, 400, "password must not be empty or contain only spaces", "password"
         ),
         field=("password",)),
    Rule(CREATE, INVALID, r"\blogin\b", errors.BadUserInput, "Evolux does not accept this login",
         Example(Operation.CREATE_AGENT, 400, "login must not be empty"), field=("login",)),
    Rule(AGENT_INPUT, INVALID, r"\bname\b|\bnome\b", errors.BadUserInput, "Evolux does not accept this name",
         Example(Operation.UPDATE_AGENT, 400, "must not be empty", "name"), field=("name",)),
    Rule(PAUSE, REFUSING, r"already (paused|in pause|on pause)|ja (esta |estava )?(pausad|em pausa)",
         errors.AgentAlreadyPaused, "the agent is in a pause already",
         Example(Operation.PAUSE_AGENT, 422, "Agent already paused")),
    Rule(PAUSE, REFUSING, rf"(pause|pausa|reason|motivo)\b.*({ABSENT})|({ABSENT}).*(pause|pausa)",
         errors.PauseNotFound, "no such pause", Example(Operation.PAUSE_AGENT, 404, "Pausa não encontrada"),
         field=("pause_id",)),
    Rule(PAUSE, INVALID, r"pause_id", errors.BadUserInput, "Evolux does not accept this pause",
         Example(Operation.PAUSE_AGENT, 400, "must be an integer", "pause_id"), field=("pause_id",)),
    Rule(UNPAUSE, REFUSING,
         r"is unpaused|not paused|not in pause|nao (esta|estava) (pausad|em pausa)|despausad",
         errors.AgentNotPaused, "the agent is in no pause",
         Example(Operation.UNPAUSE_AGENT, 422, "Agent is unpaused")),
    Rule(LOG_OFF | PAUSE | UNPAUSE, REFUSING, NOT_LOGGED, errors.AgentNotLoggedIn,
         "the agent is not logged in",
         Example(Operation.LOG_OFF_AGENT, 400, "Agent is not logged")),
    Rule(LOG_OFF | PAUSE, REFUSING, IN_CALL, errors.AgentOnCall, "the agent is on a call",
         Example(Operation.LOG_OFF_AGENT, 400, "Não é possível sair enquanto está em uma chamada.")),
    Rule(ABOUT_ONE_AGENT, {400, 409, 422, 500}, rf"agente?\b.*({ABSENT})", errors.AgentNotFound,
         "no such agent", Example(Operation.UPDATE_AGENT, 422, "Agente não encontrado")),
    Rule(ABOUT_ONE_AGENT, {404, 410}, "", errors.AgentNotFound, "no such agent",
         Example(Operation.PAUSE_AGENT, 404, "Agent not found")),
    Rule(WRITES, range(400, 500), "", errors.UpstreamRefused,
         "Evolux refused this in words that the gateway does not know",
         Example(Operation.UNPAUSE_AGENT, 422, "Unpause is disabled")),
    Rule(WRITES, range(1_000), "", errors.OutcomeUnknown,
         "Evolux failed while it handled this: it may or may not have happened",
         Example(Operation.PAUSE_AGENT, 502)),
    Rule(READS, {408, 504}, "", errors.UpstreamTimeout, "Evolux did not answer in time",
         Example(Operation.LIST_AGENTS, 504)),
    Rule(READS, range(500, 600), "", errors.UpstreamUnavailable, "Evolux cannot serve at the moment",
         Example(Operation.LIST_AGENTS, 503)),
    Rule(READS, range(1_000), "", errors.UpstreamInvalidResponse, "Evolux gave an answer that is no listing",
         Example(Operation.LIST_AGENTS, 302)),
)  # fmt: skip
"""Sources: Evolux's page on agents, its page on queues, and sensible words where neither says any."""

_PATTERNS = tuple(re.compile(rule.words) for rule in RULES)


def find_rule(operation: Operation, *, status: int, texts: Collection[Text]) -> Rule:
    """The first rule that fits; the last two fit every answer that is no success."""
    said = [folded(text if key is None else f"{key}: {text}") for text, key in texts]
    for rule, pattern in zip(RULES, _PATTERNS, strict=True):
        if operation not in rule.operations or status not in rule.statuses:
            continue
        if not rule.words or any(map(pattern.search, said)):
            return rule
    raise LookupError(f"no rule for HTTP {status}")


def error_of(envelope: Envelope, *, operation: Operation, retry_after_seconds: float | None) -> GatewayError:
    """The domain's error for an answer that is no success."""
    rule = find_rule(operation, status=envelope.status, texts=envelope.texts)
    return rule.error(
        rule.message,
        field=rule.field,
        retry_after_seconds=retry_after_seconds,
        upstream_status=envelope.status,
    )


def folded(text: str) -> str:
    """The text without accents and case, so that "Não" and "nao" are one word."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark)).casefold()
