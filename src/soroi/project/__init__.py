"""A project opened: one object with everything that the command line, the pages and notebooks do."""

from soroi.project.project import Project, open_project

__all__ = ["Project", "open_project"]
