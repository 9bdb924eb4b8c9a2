"""Service levels: what contracts promise of the service, measured into events, and how fast the error budget burns."""
