"""The graph in one DuckDB file: the store, its statements, and how the file is opened.

Modules import the library by ``import duckdb``, which is not this package: imports are absolute.
"""
