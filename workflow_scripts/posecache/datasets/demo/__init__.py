"""Rendered people in the real file formats: the demo's data."""
