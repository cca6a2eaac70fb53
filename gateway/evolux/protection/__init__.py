"""What keeps one tenant's Evolux from being hurt by us, and its callers from waiting in vain."""
