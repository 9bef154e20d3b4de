"""Stores: where journal segments, ids, snapshots and policies are kept."""
