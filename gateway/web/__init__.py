"""The HTTP edge: authentication, request ids, the GraphQL endpoint, health and metrics."""
