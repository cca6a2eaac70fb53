"""Attacks by the document: each is one POST in good form."""

from tests.attacking import (
    BAD,
    FINE,
    GOOD,
    INPUT,
    INVALID,
    LARGE,
    UNPARSED,
    Expected,
    chain,
    filtered,
    inline,
    many,
    nested,
    post,
    raw,
)

DOCUMENTS: dict[str, tuple[bytes, Expected]] = {
    "nesting": (post(nested(30)), LARGE),
    "nesting beyond the parser": (post(nested(300)), LARGE),
    "braces without end": (post("{" * 50_000), UNPARSED),
    "brackets without end": (post(filtered("{ids: " + "[" * 900 + "]" * 900 + "}")), LARGE),
    "objects without end": (post(filtered("{a: " * 600 + "1" + "}" * 600)), LARGE),
    "types without end": (post(f"query ($a: {'[' * 900}ID{']' * 900}) {GOOD}"), LARGE),
    "inline fragments without end": (post(inline(400)), LARGE),
    "inline fragments, some": (post(inline(110)), LARGE),
    "aliases": (post("{ viewer { " + many("a#: name", 31) + " } }"), LARGE),
    "aliases, very many": (post("{ viewer { " + many("a#: name", 5_000) + " } }"), LARGE),
    "root fields": (post("{ " + many("viewer { name }", 21) + " }"), LARGE),
    "root fields in fragments": (
        post("{ ...f ...f } fragment f on Query { " + "__typename " * 11 + "}"),
        LARGE,
    ),
    "fields": (post("{ viewer { " + "name " * 1_001 + "} }"), LARGE),
    "fields that overlap": (post("{ viewer { " + "name " * 900 + "} }"), LARGE),
    "subfields that overlap": (
        post("{ " + f"agents {{ nodes {{ {'id name login ' * 15} }} }} " * 20 + "}"),
        LARGE,
    ),
    "fragments that overlap": (
        post("{ viewer { " + many("...f#", 150) + " } } " + many("fragment f# on Viewer { name }", 150)),
        LARGE,
    ),
    "fragments that double": (post(chain(25)), LARGE),
    "fragments that double, long": (post(chain(130)), LARGE),
    "fragments in a long row": (post(chain(140, copies=1)), LARGE),
    "fragments that triple": (post(chain(20, copies=3)), LARGE),
    "a fragment within itself": (post("{ viewer { ...a } } fragment a on Viewer { ...a }"), INVALID),
    "fragments in a circle": (
        post("{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a ...a }"),
        INVALID,
    ),
    "fragments in a circle, with fields": (
        post("{ agents { ...a } } fragment a on AgentConnection { nodes { queues { agents { ...a } } } }"),
        INVALID,
    ),
    "unused fragments": (post(GOOD + many("fragment f# on Viewer { name }", 150)), INVALID),
    "operations, very many": (post(many("query q# { viewer { name } }", 300)), LARGE),
    "operations without a name": (post(many(GOOD, 50)), INVALID),
    "directives": (post("{ viewer " + "@skip(if: false) " * 6 + "{ name } }"), LARGE),
    "directives, unknown": (post("{ viewer " + "@x " * 5 + "{ name } }"), INVALID),
    "directives on variables": (post("query ($a: ID " + "@x " * 900 + f") {GOOD}"), LARGE),
    "variables, declared": (post("query (" + many("$v#: Int", 450) + f") {GOOD}"), INVALID),
    "unknown fields": (post("{ " + many("nothing#", 19) + " }"), INVALID),
    "conflicting arguments": (post("{ " + many("agent(id: #) { id }", 19) + " }"), INVALID),
    "wrong keys, very many": (post(filtered("{" + "a: 1 " * 450 + "}")), INVALID),
    "wrong values, very many": (post(filtered("{ids: [" + "1.5 " * 1_500 + "]}")), INVALID),
    "a list of 1,500 ids": (post(filtered("{ids: [" + "1 " * 1_500 + "]}")), FINE),
    "a comment of 95 KB": (post("#" + "x" * 95_000 + "\n" + GOOD), FINE),
    "comments, very many": (post("#\n" * 30_000 + GOOD), LARGE),
    "commas, very many": (post("{ viewer" + "," * 95_000 + "{ name } }"), FINE),
    "byte order marks": (post("\ufeff" * 15_000 + GOOD), FINE),
    "a string of 95 KB": (
        post('{ agentByLogin(login: "' + "x" * 95_000 + '") { id } }'),
        (200, "AGENT_NOT_FOUND"),
    ),
    "a block string of 30,000 lines": (
        post('{ agentByLogin(login: """' + "\n x" * 22_000 + '""") { id } }'),
        (200, "AGENT_NOT_FOUND"),
    ),
    "escapes, very many": (
        post('{ agentByLogin(login: "' + "\\u0041" * 12_000 + '") { id } }'),
        (200, "AGENT_NOT_FOUND"),
    ),
    "a search of 90 KB": (post(filtered('{search: "' + "x" * 90_000 + '"}')), INPUT),
    "a number of 4,000 digits": (post(f"{{ agents(first: {'9' * 4_000}) {{ totalCount }} }}"), INVALID),
    "a number of 90,000 digits": (post(f"{{ agents(first: {'9' * 90_000}) {{ totalCount }} }}"), INVALID),
    "an id of 90,000 digits": (post(f"{{ agent(id: {'9' * 90_000}) {{ id }} }}"), INPUT),
    "a default of 90,000 digits": (
        post(f"query ($id: ID = {'9' * 90_000}) {{ agent(id: $id) {{ id }} }}"),
        INPUT,
    ),
    "a float beyond all": (post(f"{{ agents(first: 1e{'9' * 5_000}) {{ totalCount }} }}"), INVALID),
    "a NUL in the document": (post("{ viewer\0 { name } }"), UNPARSED),
    "a NUL in a string": (post('{ agentByLogin(login: "a\\u0000b") { id } }'), (200, "AGENT_NOT_FOUND")),
    "a lone surrogate in GraphQL": (post('{ agentByLogin(login: "\\uD800") { id } }'), UNPARSED),
    "a lone surrogate in JSON": (raw(b'{"query": "{ viewer { name } } #\\ud800"}'), BAD),
    "a lone surrogate in a variable": (
        raw(b'{"query": "query ($l: ID!) { agent(id: $l) { id } }", "variables": {"l": "\\udfff"}}'),
        BAD,
    ),
    "an unfinished string": (post('{ agentByLogin(login: "x'), UNPARSED),
    "nothing": (post(""), UNPARSED),
    "control characters": (post("\x01\x02\x03"), UNPARSED),
    "names of 90 KB": (post("{ " + "x" * 90_000 + " }"), INVALID),
    "introspection without end": (
        post("{ __schema { types " + "{ fields { type " * 6 + "{ name }" + " } }" * 6 + " } }"),
        INVALID,
    ),
    "introspection, all at once": (
        post(
            "{ "
            + many("a#: __schema { types { fields { args { type { name } } type { name } } } }", 20)
            + " }"
        ),
        FINE,
    ),
    "a page of all pages": (
        post("{ agents(first: 500) { nodes { queues { agents(first: 500) { nodes { id } } } } } }"),
        LARGE,
    ),
    "a page by a variable": (
        post(
            "query ($n: Int) { queues { agents(first: $n) { nodes { queues { agents(first: $n) { nodes { id }"
            " } } } } } }",
            variables={"n": 500},
        ),
        LARGE,
    ),
    "reads of Evolux by the thousand": (
        post(
            "{ agents(first: 500) { nodes { a: allowedPauses { pause { id } } } } "
            "b: agents(last: 500) { nodes { allowedPauses { pause { id } } } } }"
        ),
        LARGE,
    ),
    "a subscription": (post("subscription { agents { totalCount } }"), INVALID),
}
