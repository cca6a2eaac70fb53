"""How a GraphQL operation is run: documents read once, then executed over one snapshot."""
