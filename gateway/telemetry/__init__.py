"""Traces, metrics and logs: every name declared once, everything made by a constructor and handed on."""
