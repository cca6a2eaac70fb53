"""An Evolux to develop, demonstrate and test against: its agent API over real HTTP, in memory."""
