"""A CallCenter that remembers listings: fresh, stale while revalidated, stale if Evolux fails."""
