"""Overspill."""
