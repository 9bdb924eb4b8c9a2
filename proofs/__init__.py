"""The judge: verifies what a Tallystick ledger says, with the standard library alone and without I/O."""
