"""Picking the best of many scores, and measuring how good the order is."""
