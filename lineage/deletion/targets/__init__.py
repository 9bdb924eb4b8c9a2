"""One file per kind of store: an executor that deletes there, and a verifier that looks there."""
