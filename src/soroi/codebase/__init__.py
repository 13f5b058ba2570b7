"""A project's code: found, captured as a bundle, loaded apart from every other version of itself."""

from soroi.codebase.bundle import Bundle, capture, is_own_file, unpack
from soroi.codebase.config import ProjectConfig, find_project, read_config
from soroi.codebase.environment import environment_record, library_version
from soroi.codebase.loader import Codebase, load

__all__ = [
    "Bundle",
    "Codebase",
    "ProjectConfig",
    "capture",
    "environment_record",
    "find_project",
    "is_own_file",
    "library_version",
    "load",
    "read_config",
    "unpack",
]
