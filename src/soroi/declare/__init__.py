"""Declaring: nodes, edges, the graph, access and fingerprints. Pure: no input or output."""
