"""The append-only log: `import ledger; log = ledger.open("sqlite:///audit.db")`."""
