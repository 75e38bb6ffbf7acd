"""Quarterdeck against the real agent: installed from the package index, driven for real, looked at from outside."""
