"""The demonstrations: `alone` holds one visit by itself, `people` puts up a clinic for somebody to try.

The second is a host like any other: it uses what a hospital's software uses, and nothing else. Both are for
trying: what they keep is gone when they end.
"""
