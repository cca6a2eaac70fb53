"""Exports: whole tables of one snapshot as files, in the formats of analytics."""
