"""The parts of the one scan: what each kind of rule asks of the rows, and what its answer comes to."""
