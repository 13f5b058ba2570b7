from __future__ import annotations

from hypothesis import settings

# a busy machine is not a wrong answer: the laws are about results, and pytest has a limit of time
settings.register_profile("frames", deadline=None, derandomize=False)
settings.load_profile("frames")
