"""The main job: one call that searches, retrains, chooses, tests, exports and reports, or goes on with that."""

from archwright.session.exporting import export_trial, space_of
from archwright.session.result import Result
from archwright.session.resume import resume
from archwright.session.search import search

__all__ = ["Result", "export_trial", "resume", "search", "space_of"]
