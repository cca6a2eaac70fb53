"""The GraphQL surface: the contract's schema, resolved from one consistent view of a tenant's call centre."""
