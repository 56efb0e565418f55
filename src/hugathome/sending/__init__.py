"""Coordinators of messages: choose a way, count what quotas limit, send once, record what came of it."""
