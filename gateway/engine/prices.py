"""Prices: costs whose page sizes may be variables, computed once and asked again for each request."""

from collections.abc import Mapping
from typing import Any

import msgspec

Amount = int | str | None
"""A page argument: a number, a variable's name, or not given."""


class Page(msgspec.Struct, frozen=True):
    """How many rows a connection is asked for."""

    amounts: tuple[Amount, ...]
    default: int
    most: int

    def rows(self, variables: Mapping[str, Any]) -> int:
        """The rows at most; what is no number of rows counts as the default and is refused elsewhere."""
        given = [variables.get(one) if isinstance(one, str) else one for one in self.amounts]
        asked = [one for one in given if isinstance(one, int) and not isinstance(one, bool)]
        return min(max(*asked, 0), self.most) if asked else self.default

    @property
    def is_known(self) -> bool:
        """Whether no variable is needed to tell."""
        return not any(isinstance(one, str) for one in self.amounts)


class Price(msgspec.Struct, frozen=True):
    """A cost: a fixed part, and parts (times, page, price of a row) that need the request's variables."""

    fixed: int = 0
    paged: "tuple[tuple[int, Page, Price], ...]" = ()

    def at(self, variables: Mapping[str, Any]) -> int:
        """The cost with these variables."""
        return self.fixed + sum(
            times * page.rows(variables) * row.at(variables) for times, page, row in self.paged
        )

    def plus(self, other: "Price") -> "Price":
        """Both together."""
        return Price(self.fixed + other.fixed, self.paged + other.paged)

    def times(self, count: int) -> "Price":
        """So many of it."""
        return Price(self.fixed * count, tuple((times * count, page, row) for times, page, row in self.paged))

    def by(self, page: Page) -> "Price":
        """One for each row of the page."""
        return self.times(page.rows({})) if page.is_known else Price(0, ((1, page, self),))


class OperationPrice(msgspec.Struct, frozen=True):
    """The cost of one operation, and the defaults of its variables that may be page sizes."""

    price: Price
    defaults: Mapping[str, int]

    def at(self, variables: Mapping[str, Any] | None) -> int:
        """The cost of a request with these variables."""
        return self.price.at({**self.defaults, **(variables or {})}) if self.price.paged else self.price.fixed
