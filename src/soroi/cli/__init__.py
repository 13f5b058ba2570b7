"""The command line: ``soroi``. It asks the project and shows what it says; no logic of its own."""
