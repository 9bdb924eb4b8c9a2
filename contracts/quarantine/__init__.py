"""Rows that broke a contract, kept apart from those that did not, until somebody decides what becomes of them."""
