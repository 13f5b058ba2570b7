"""Numbered migrations of the catalogue, run from Python by ``soroi.store.migrate``."""
