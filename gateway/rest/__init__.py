"""The REST surface: the same operations under `/v1`, their shapes, and the OpenAPI document made of both."""
