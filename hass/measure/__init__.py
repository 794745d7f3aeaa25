"""Measuring networks on labelled images through onnxruntime: equality, accuracy, sparsity."""

from .accuracy import Hits, batch_size, measure_accuracy, measure_hits, require_images
from .clip_losses import GroupLosses, LadderSums, images_at_once, measure_clip_losses
from .dataset import Batch, Dataset
from .equality import Proof, prove, prove_equal
from .fronts import Answers, Fronts
from .hardest import certainly_lost, hardest_first
from .network_losses import NetworkLosses
from .open_dataset import open_dataset
from .profile import input_magnitudes, measure_alone, measure_profile
from .profile_file import check_profile, profile_json, read_profile, write_profile
from .progress import ProgressCallback
from .refit import RefitTargets, refit_targets, refitted
from .splits import Split

__all__ = [
    "Answers",
    "Batch",
    "Dataset",
    "Fronts",
    "GroupLosses",
    "Hits",
    "LadderSums",
    "NetworkLosses",
    "ProgressCallback",
    "Proof",
    "RefitTargets",
    "Split",
    "batch_size",
    "certainly_lost",
    "check_profile",
    "hardest_first",
    "images_at_once",
    "input_magnitudes",
    "measure_accuracy",
    "measure_alone",
    "measure_clip_losses",
    "measure_hits",
    "measure_profile",
    "open_dataset",
    "profile_json",
    "prove",
    "prove_equal",
    "read_profile",
    "refit_targets",
    "refitted",
    "require_images",
    "write_profile",
]
