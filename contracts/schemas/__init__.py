"""JSON Schemas of the ways of writing a contract: what an editor knows of a document before it is read."""
