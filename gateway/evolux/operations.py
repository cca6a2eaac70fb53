"""The eight requests that Evolux's agent API and queue listing know."""

from enum import Enum

from gateway.domain.ids import AgentId


class Operation(Enum):
    """One request: its method, its path template, and whether success carries `data`."""

    LIST_AGENTS = ("GET", "/api/v1/agents", True)
    LIST_QUEUES = ("GET", "/api/v1/queues", True)
    LIST_AGENT_PAUSES = ("GET", "/api/v1/agents/{agent_id}/pauses", True)
    CREATE_AGENT = ("POST", "/api/v1/agents", True)
    UPDATE_AGENT = ("PUT", "/api/v1/agents/{agent_id}", False)
    PAUSE_AGENT = ("POST", "/api/v1/agents/{agent_id}/pause", False)
    UNPAUSE_AGENT = ("POST", "/api/v1/agents/{agent_id}/unpause", False)
    LOG_OFF_AGENT = ("POST", "/api/v1/agents/{agent_id}/logoff", False)

    def __init__(self, method: str, path_template: str, answers_data: bool) -> None:  # noqa: FBT001 - enum members are positional
        self.method = method
        self.path_template = path_template
        self.answers_data = answers_data

    @property
    def is_write(self) -> bool:
        """Whether the request changes something, so that it may be sent only once."""
        return self.method != "GET"

    @property
    def is_about_one_agent(self) -> bool:
        """Whether the path names an agent."""
        return "{agent_id}" in self.path_template

    def path(self, agent_id: AgentId | None = None) -> str:
        """The path, with the agent's id where the template asks for one."""
        return self.path_template.format(agent_id=agent_id) if self.is_about_one_agent else self.path_template


READS = frozenset(operation for operation in Operation if not operation.is_write)
WRITES = frozenset(operation for operation in Operation if operation.is_write)
