"""Coordinators of the record: plan, queue, book, invite, let in, keep, erase."""
