"""Tell people what was decided: read from the log, kept until it is delivered."""
