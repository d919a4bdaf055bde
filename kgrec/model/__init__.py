"""The joint model: text encoder, item channels, graph network, bridge; no store, no file."""
