"""Evolux's REST API as a `CallCenter`: the only HTTP client of the gateway; Evolux's words end here."""
