"""How a message reaches somebody: addresses, channels, a spoken code, what gateways say of it; pure."""
