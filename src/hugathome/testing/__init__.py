"""What a host needs to test its own use of the library: fakes, robots and conformance checks."""
