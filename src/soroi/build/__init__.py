"""Building: what is stale and why, the plan of work, and the runs that make candidates."""
