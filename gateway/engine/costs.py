"""The cost of an operation: about the fields of its answer, known before it is run.

A field costs 1, or what the schema's costs say; a list multiplies what is selected in it by its expected
length, a connection by the page that its arguments ask for. What depends on no variable is computed once per
document; the rest is a few multiplications per request.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    NullValueNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from gateway.engine.prices import Amount, OperationPrice, Page, Price

_ROWS: Final = frozenset({"edges", "nodes"})
"""The lists of a connection that are as long as its page."""
_PAGE_ARGUMENTS: Final = ("first", "last")


class CostTable(msgspec.Struct, frozen=True, kw_only=True):
    """What the schema alone does not tell, by `Type.field`, or by `Type.field(argument)` what that adds."""

    lengths: Mapping[str, int] = {}
    costs: Mapping[str, int] = {}
    default_length: int = 10
    default_page: int = 50
    max_page: int = 500


_FREE: Final = Price()


class CostModel:
    """Prices the operations of valid documents of one schema."""

    def __init__(self, schema: GraphQLSchema, table: CostTable) -> None:
        self.schema = schema
        self.table = msgspec.structs.replace(
            table, lengths={**introspection_lengths(schema), **table.lengths}
        )

    def price(self, syntax: DocumentNode) -> dict[str | None, OperationPrice]:
        """The price of each operation by its name."""
        pricing = _Pricing(self, syntax)
        return {
            node.name.value if node.name else None: OperationPrice(pricing.operation(node), _defaults(node))
            for node in syntax.definitions
            if isinstance(node, OperationDefinitionNode)
        }

    def field_of(self, parent: GraphQLNamedType, name: str) -> GraphQLField | None:
        """The definition of a field; None for `__typename`."""
        if name in ("__schema", "__type"):
            return SchemaMetaFieldDef if name == "__schema" else TypeMetaFieldDef
        fields: Mapping[str, GraphQLField] = getattr(parent, "fields", {})
        return fields.get(name)


class _Pricing:
    """Prices the selections of one document; each fragment once."""

    def __init__(self, model: CostModel, syntax: DocumentNode) -> None:
        self._model = model
        self._fragments = {
            node.name.value: node for node in syntax.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._priced: dict[str, tuple[Price, Price]] = {}

    def operation(self, node: OperationDefinitionNode) -> Price:
        """The price of an operation."""
        root = self._model.schema.get_root_type(node.operation)
        return _FREE if root is None else self._selections(node.selection_set, root)[0]

    def _selections(self, selections: SelectionSetNode, parent: GraphQLNamedType) -> tuple[Price, Price]:
        """The price of what is had once, and of what is had for each row of a connection's page."""
        once, per_row = _FREE, _FREE
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                price = self._field(selection, parent)
                if selection.name.value in _ROWS and self._is_connection(parent):
                    per_row = per_row.plus(price)
                    continue
                more = (price, _FREE)
            elif isinstance(selection, FragmentSpreadNode):
                more = self._fragment(selection.name.value)
            else:
                assert isinstance(selection, InlineFragmentNode)  # noqa: S101 - the third kind, and the last
                more = self._selections(selection.selection_set, self._type(selection.type_condition, parent))
            once, per_row = once.plus(more[0]), per_row.plus(more[1])
        return once, per_row

    def _fragment(self, name: str) -> tuple[Price, Price]:
        known = self._priced.get(name)
        if known is None:
            definition = self._fragments[name]
            on = self._type(definition.type_condition, None)
            known = self._priced[name] = self._selections(definition.selection_set, on)
        return known

    def _field(self, node: FieldNode, parent: GraphQLNamedType) -> Price:
        """The price of a field and what is selected in it; of a connection's rows, that of one row."""
        table, name = self._model.table, f"{parent.name}.{node.name.value}"
        own = Price(table.costs.get(name, 1) + sum(table.costs.get(one, 0) for one in _given(node, name)))
        field = self._model.field_of(parent, node.name.value)
        if field is None or node.selection_set is None:
            return own
        once, per_row = self._selections(node.selection_set, get_named_type(field.type))
        if "first" in field.args:
            return own.plus(once).plus(per_row.by(_page_of(node, table)))
        inner = once.plus(per_row.times(table.default_page))
        is_rows = node.name.value in _ROWS and self._is_connection(parent)
        if is_list_type(get_nullable_type(field.type)) and not is_rows:
            inner = inner.times(table.lengths.get(name, table.default_length))
        return own.plus(inner)

    def _is_connection(self, parent: GraphQLNamedType) -> bool:
        return parent.name.endswith("Connection")

    def _type(self, condition: NamedTypeNode | None, parent: GraphQLNamedType | None) -> GraphQLNamedType:
        found = parent if condition is None else self._model.schema.get_type(condition.name.value)
        assert found is not None  # noqa: S101 - the document is valid
        return found


def _given(node: FieldNode, name: str) -> Iterator[str]:
    """The arguments that a field is given, as `Type.field(argument)`."""
    for argument in node.arguments or ():
        if not isinstance(argument.value, NullValueNode):
            yield f"{name}({argument.name.value})"


def _page_of(node: FieldNode, table: CostTable) -> Page:
    given = {one.name.value: one.value for one in node.arguments or ()}
    amounts = tuple(_amount(given.get(name)) for name in _PAGE_ARGUMENTS)
    return Page(amounts, table.default_page, table.max_page)


def _amount(value: object) -> Amount:
    if isinstance(value, VariableNode):
        return value.name.value
    return _number(value) if isinstance(value, IntValueNode) else None


def _defaults(node: OperationDefinitionNode) -> dict[str, int]:
    return {
        one.variable.name.value: _number(one.default_value)
        for one in node.variable_definitions or ()
        if isinstance(one.default_value, IntValueNode)
    }


def _number(value: IntValueNode) -> int:
    """The number, or one greater than any page: Python refuses to read thousands of digits."""
    return int(value.value[:12])


def introspection_lengths(schema: GraphQLSchema) -> dict[str, int]:
    """How long the lists of introspection are, on average where each type has its own."""
    types = [one for one in schema.type_map.values() if not one.name.startswith("__")]
    fields = [field for one in types if isinstance(one, GraphQLObjectType) for field in one.fields.values()]
    objects = sum(isinstance(one, GraphQLObjectType) for one in types)
    values = [len(one.values) for one in types if isinstance(one, GraphQLEnumType)]
    inputs = [len(one.fields) for one in types if isinstance(one, GraphQLInputObjectType)]
    return {
        "__Schema.types": len(schema.type_map),
        "__Schema.directives": len(schema.directives),
        "__Type.fields": _average(len(fields), objects),
        "__Type.enumValues": _average(sum(values), len(values)),
        "__Type.inputFields": _average(sum(inputs), len(inputs)),
        "__Type.interfaces": 1,
        "__Type.possibleTypes": 1,
        "__Field.args": _average(sum(len(field.args) for field in fields), len(fields)),
        "__Directive.args": 1,
        "__Directive.locations": 4,
    }


def _average(total: int, count: int) -> int:
    return -(-total // max(count, 1))
