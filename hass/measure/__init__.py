"""Measuring networks on labelled images through onnxruntime: equality, accuracy, sparsity."""

from .accuracy import measure_accuracy, require_images
from .dataset import Batch, Dataset
from .equality import prove_equal
from .open_dataset import open_dataset
from .profile import input_magnitudes, measure_profile
from .profile_file import check_profile, profile_json, read_profile, write_profile
from .progress import ProgressCallback
from .splits import Split

__all__ = [
    "Batch",
    "Dataset",
    "ProgressCallback",
    "Split",
    "check_profile",
    "input_magnitudes",
    "measure_accuracy",
    "measure_profile",
    "open_dataset",
    "profile_json",
    "prove_equal",
    "read_profile",
    "require_images",
    "write_profile",
]
