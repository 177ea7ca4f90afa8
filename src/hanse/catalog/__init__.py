"""Finds connectors, opens sources, and keeps the versioned snapshot of all that planning may know of them."""
