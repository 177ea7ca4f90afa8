"""Tests of the house itself: sizes, names, docstrings, import directions, and what no file may say."""
