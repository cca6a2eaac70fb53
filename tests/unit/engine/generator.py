"""Random valid operations over the schema, with arguments and variables that are sometimes wrong."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)

IDS = ["1", "2", "3", "5", "9", "07", 1, 3]
TEXTS = ["ana", "ANA", "conceicao", "nobody", "", "é", '"quoted"\\']
COUNTS = [0, 1, 2, 3, 50, 500]
WRONG: dict[str, list[Any]] = {"ID": ["999", "abc", "-1", ""], "Int": [501, -1], "String": ["a" * 300]}
MOST_FIELDS = 40


@dataclass
class Generated:
    document: str
    variables: dict[str, Any]


@dataclass
class Generator:
    """Makes one operation."""

    schema: GraphQLSchema
    rng: Random
    cursors: list[str]
    """Given where text is wanted, a quarter of the times."""
    declared: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    fields: int = 0

    def operation(self) -> Generated:
        root = self.schema.query_type
        assert root is not None
        selection = self.selection(root, depth=self.rng.randint(2, 7))
        declared = ", ".join(f"${name}: {type_}" for name, type_ in self.declared.items())
        head = f"query Asked({declared})" if declared else self.rng.choice(("", "query ", "query Named "))
        document = f"{head}{selection}\n" + "\n".join(self.fragments.values())
        return Generated(document, self.values)

    def chance(self, of: float) -> bool:
        return self.rng.random() < of

    def selection(self, type_: GraphQLObjectType, *, depth: int) -> str:
        names = [
            name
            for name, each in type_.fields.items()
            if depth > 0 or is_leaf_type(get_named_type(each.type))
        ]
        chosen = self.rng.choices(names, k=self.rng.randint(1, 5)) if names else []
        parts = [self.field(type_, name, depth=depth) for name in chosen]
        if self.chance(0.3) or not parts:
            parts.append(self.rng.choice(("__typename", "kind: __typename")))
        if depth > 0 and self.fields < MOST_FIELDS:
            parts += [self.fragment(type_, depth=depth - 1) for _ in range(self.rng.choice((0, 0, 0, 1, 2)))]
        self.rng.shuffle(parts)
        return "{ " + " ".join(parts) + " }"

    def field(self, type_: GraphQLObjectType, name: str, *, depth: int) -> str:
        self.fields += 1
        what = type_.fields[name]
        arguments = self.arguments(what.args)
        needs_alias = bool(what.args) or self.chance(0.15)
        alias = f"{self.rng.choice('abcdefgh')}{self.rng.randint(0, 99)}: " if needs_alias else ""
        below = get_named_type(what.type)
        if isinstance(below, GraphQLObjectType):
            spare = 0 if self.fields > MOST_FIELDS else depth - 1
            return f"{alias}{name}{arguments}{self.directive()} {self.selection(below, depth=spare)}"
        return f"{alias}{name}{arguments}{self.directive()}"

    def fragment(self, type_: GraphQLObjectType, *, depth: int) -> str:
        if self.chance(0.5):
            on = self.rng.choice(("", f" on {type_.name}"))
            return f"...{on}{self.directive()} {self.selection(type_, depth=depth)}"
        known = [name for name, text in self.fragments.items() if text.split()[3] == type_.name]
        if known and self.chance(0.6):
            return f"...{self.rng.choice(known)}{self.directive()}"
        selection = self.selection(type_, depth=depth)
        name = f"F{len(self.fragments)}"
        self.fragments[name] = f"fragment {name} on {type_.name} {selection}"
        return f"...{name}{self.directive()}"

    def directive(self) -> str:
        if not self.chance(0.12):
            return ""
        name = self.rng.choice(("skip", "include"))
        if self.chance(0.5):
            return f" @{name}(if: {self.rng.choice(('true', 'false'))})"
        variable = f"flag{self.rng.randint(0, 2)}"
        if variable not in self.declared:
            with_default = self.chance(0.4)
            self.declared[variable] = "Boolean = true" if with_default else "Boolean!"
            if not with_default or self.chance(0.5):
                self.values[variable] = self.chance(0.5)
        return f" @{name}(if: ${variable})"

    def arguments(self, arguments: dict[str, GraphQLArgument]) -> str:
        given = []
        for name, argument in arguments.items():
            if isinstance(argument.type, GraphQLNonNull) or self.chance(0.35):
                given.append(f"{name}: {self.argument(argument.type)}")
        return f"({', '.join(given)})" if given else ""

    def argument(self, type_: GraphQLInputType) -> str:
        if self.chance(0.5):
            return self.literal(type_)
        variable = f"v{len(self.declared)}"
        self.declared[variable] = str(type_)
        how = self.rng.random()
        if how < 0.2 and not isinstance(type_, GraphQLNonNull):
            self.declared[variable] += f" = {self.literal(type_)}"
        elif how < 0.3 and not isinstance(type_, GraphQLNonNull):
            self.values[variable] = None
        elif how > 0.4 or isinstance(type_, GraphQLNonNull):
            self.values[variable] = self.value(type_)
        if self.chance(0.02):
            self.values[variable] = self.rng.choice((None, True, 1.5, [], {}, {"none": 1}, "text", 2**40))
        return f"${variable}"

    def value(self, type_: GraphQLInputType) -> Any:
        """A value of the type, as JSON."""
        if isinstance(type_, GraphQLNonNull):
            return self.value(type_.of_type)
        if isinstance(type_, GraphQLList):
            return [self.value(type_.of_type) for _ in range(self.rng.randint(0, 3))]
        if isinstance(type_, GraphQLEnumType):
            return self.rng.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return {
                name: self.value(each.type)
                for name, each in type_.fields.items()
                if isinstance(each.type, GraphQLNonNull) or self.chance(0.3)
            }
        if str(type_) in WRONG and self.chance(0.06):
            return self.rng.choice(WRONG[str(type_)])
        choices: dict[str, list[Any]] = {"ID": IDS, "Int": COUNTS, "Boolean": [True, False]}
        texts = self.cursors if self.chance(0.25) else TEXTS
        return self.rng.choice(choices.get(str(type_), texts))

    def literal(self, type_: GraphQLInputType) -> str:
        if not isinstance(type_, GraphQLNonNull) and self.chance(0.08):
            return "null"
        return self.written(self.value(type_), type_)

    def written(self, value: Any, type_: GraphQLInputType) -> str:
        named = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(named, GraphQLList):
            return "[" + ", ".join(self.written(each, named.of_type) for each in value) + "]"
        if isinstance(named, GraphQLInputObjectType):
            pairs = (f"{name}: {self.written(each, named.fields[name].type)}" for name, each in value.items())
            return "{" + ", ".join(pairs) + "}"
        if isinstance(named, GraphQLEnumType):
            return str(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
