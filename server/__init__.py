"""The ledger over HTTP: routes parse, call one function and answer; what they call decides."""
