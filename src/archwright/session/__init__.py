"""The main job: one call that searches, retrains, chooses, tests, exports and reports, or goes on with that."""

from archwright.experiments import Judged, Judgement, judgement_of
from archwright.session.compound import ScaledNetwork, compound_scaling
from archwright.session.exporting import export_trial, space_of
from archwright.session.judge import judge
from archwright.session.latency import measure_latency
from archwright.session.profiling import Profile, profile
from archwright.session.result import Result
from archwright.session.resume import resume
from archwright.session.search import search
from archwright.session.specialising import Specialised, specialise

# fmt: off
__all__ = [
    "Judged", "Judgement", "Profile", "Result", "ScaledNetwork", "Specialised", "compound_scaling", "export_trial",
    "judge", "judgement_of", "measure_latency", "profile", "resume", "search", "space_of", "specialise",
]
# fmt: on
