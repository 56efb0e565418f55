"""The core of a device in a session, for whichever transport and endpoint: pure."""
