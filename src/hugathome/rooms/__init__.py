"""Coordinators of a room's log: follow it, fold it, and serve whoever is connected."""
