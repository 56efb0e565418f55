"""The tables of stores and logs as revisions of Alembic, for a host to fold into its own.

A host names this package among its `version_locations`; the revisions are a branch of their own, labelled
`hugathome`. They say what `hugathome schema` prints, a revision at a time, and import nothing of it: a
revision that was published never changes.
"""
