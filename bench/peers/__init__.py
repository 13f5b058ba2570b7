"""The nearest questions, asked of other tools, each script in an environment of its own."""
