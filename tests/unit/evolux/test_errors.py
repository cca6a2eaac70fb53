"""The translation table: every row is reached, by its own example, and by none of the others' words."""

import pytest

from gateway.domain import errors
from gateway.domain.errors import GatewayError
from gateway.evolux.envelope import Text
from gateway.evolux.errors import RULES, Rule, find_rule, folded
from gateway.evolux.operations import Operation

IDS = [f"{rule.error.__name__}-{number}" for number, rule in enumerate(RULES)]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_row_is_reached_by_its_example(rule: Rule) -> None:
    example = rule.example
    found = find_rule(example.operation, status=example.status, texts=[Text(example.text, example.key)])
    assert RULES.index(found) == RULES.index(rule)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("status", [100, 199, 301, 399, 400, 418, 451, 499, 500, 599, 999])
def test_every_answer_without_success_has_a_rule(operation: Operation, status: int) -> None:
    rule = find_rule(operation, status=status, texts=[Text("palavras que ninguém conhece")])
    assert issubclass(rule.error, GatewayError)
    assert rule.message


def test_a_write_that_is_not_refused_is_never_called_retryable() -> None:
    for operation in (operation for operation in Operation if operation.is_write):
        for status in (*range(300, 400), *range(500, 600)):
            assert find_rule(operation, status=status, texts=[]).error is errors.OutcomeUnknown


@pytest.mark.parametrize(
    ("operation", "status", "text", "error", "field"),
    [
        ("CREATE_AGENT", 400, "AGENTE NAO FOI CRIADO, ESSE LOGIN JA ESTA SENDO USADO", "LoginTaken", "login"),
        ("CREATE_AGENT", 422, "Login already taken", "LoginTaken", "login"),
        ("CREATE_AGENT", 500, "esse login já existe", "LoginTaken", "login"),
        ("CREATE_AGENT", 400, "Fila não encontrada", "QueueNotFound", "queue_ids"),
        ("UPDATE_AGENT", 400, "A senha não pode ser vazia", "BadUserInput", "password"),
        ("UPDATE_AGENT", 400, "o nome é obrigatório", "BadUserInput", "name"),
        ("UPDATE_AGENT", 404, "whatever", "AgentNotFound", None),
        ("PAUSE_AGENT", 422, "Agente já está pausado", "AgentAlreadyPaused", None),
        ("PAUSE_AGENT", 422, "Agente não está logado", "AgentNotLoggedIn", None),
        ("PAUSE_AGENT", 422, "Pause not found", "PauseNotFound", "pause_id"),
        ("PAUSE_AGENT", 404, "Pause does not exist", "PauseNotFound", "pause_id"),
        ("PAUSE_AGENT", 404, "Agente não encontrado", "AgentNotFound", None),
        ("UNPAUSE_AGENT", 422, "Agente não está em pausa", "AgentNotPaused", None),
        ("UNPAUSE_AGENT", 404, "Not found", "AgentNotFound", None),
        ("UNPAUSE_AGENT", 422, "unpause is disabled for this pause", "UpstreamRefused", None),
        ("LOG_OFF_AGENT", 400, "Agente não está logado", "AgentNotLoggedIn", None),
        ("LOG_OFF_AGENT", 422, "Agent is on a call", "AgentOnCall", None),
        ("LOG_OFF_AGENT", 400, "Missing token.", "UpstreamCredentialsRejected", None),
        ("LOG_OFF_AGENT", 400, "Token inválido", "UpstreamCredentialsRejected", None),
        ("LOG_OFF_AGENT", 409, "hoje não", "UpstreamRefused", None),
        ("LIST_QUEUES", 422, "Queue archived not requested", "UpstreamInvalidResponse", None),
    ],
)
def test_words_of_both_languages_mean_the_same(
    operation: str, status: int, text: str, error: str, field: str | None
) -> None:
    rule = find_rule(Operation[operation], status=status, texts=[Text("Bad request"), Text(text)])
    assert (rule.error.__name__, rule.field) == (error, None if field is None else (field,))


def test_accents_and_case_do_not_tell_words_apart() -> None:
    assert folded("Não É POSSÍVEL sair") == "nao e possivel sair"


def test_no_message_of_the_table_quotes_evolux() -> None:
    for rule in RULES:
        assert rule.example.text == "" or rule.example.text not in rule.message
