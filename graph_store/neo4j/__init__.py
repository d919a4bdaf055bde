"""The graph in a Neo4j server: the store, its Cypher, its connection and its settings.

Modules import the driver by ``import neo4j``, which is not this package: imports are absolute.
"""
