"""Which files of a model folder run code when they are loaded, told from what its MLmodel says.

Nothing is read here: a folder that lies elsewhere is judged by its MLmodel and the names of its files. What is told of
folders of other writers is what MLflow 1, 2 and 3 were seen to write.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping
from typing import Any

PICKLE_FORMATS = frozenset({"pickle", "cloudpickle"})
"""What folders call the serialization formats that are pickles."""

PICKLE_SUFFIXES = (".pkl", ".pickle", ".cloudpickle", ".joblib", ".dill", ".pth", ".pt", ".pmd", ".fastai")
"""How files are called that are pickles, of whichever library."""

_TORCH_SUFFIXES = (".pt", ".pth", ".pkl")
_TORCH_WEIGHTS = ("pytorch_model", "adapter_model", "diffusion_pytorch_model")

_WITHOUT_PICKLES = frozenset({"catboost", "keras", "onnx", "prophet", "python_function", "spark", "xgboost"})
_WITH_OWN_RULE = frozenset({"lightgbm", "pytorch", "sklearn", "statsmodels", "tensorflow", "transformers"})

_LOADERS_OF_PYTHON_MODELS = frozenset({"mlflow.pyfunc.model", "mlflow.pyfunc"})
_LOADER_OF_SCRIPTS = "mlflow.pyfunc.loaders.code_model"

HARMLESS_TYPES = frozenset(
    {
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMModel",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
        "numpy.dtype",
        "numpy.mean",
        "numpy.nan_to_num",
        "scipy.interpolate._bsplines.BSpline",
        "scipy.sparse._csc.csc_array",
        "scipy.sparse._csc.csc_matrix",
        "scipy.sparse._csr.csr_array",
        "scipy.sparse._csr.csr_matrix",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.feature_selection._univariate_selection.r_regression",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.DotProduct",
        "sklearn.gaussian_process.kernels.Exponentiation",
        "sklearn.gaussian_process.kernels.ExpSineSquared",
        "sklearn.gaussian_process.kernels.Matern",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.RationalQuadratic",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.GroupKFold",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.RepeatedKFold",
        "sklearn.model_selection._split.RepeatedStratifiedKFold",
        "sklearn.model_selection._split.ShuffleSplit",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.model_selection._split.StratifiedShuffleSplit",
        "sklearn.model_selection._split.TimeSeriesSplit",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)
"""Types and functions skops does not trust by itself, of which is known that a file made of them runs no code of its own.

A folder may name any type in `skops_trusted_types`, and a file made of the wrong ones runs code as a pickle does. Where
pickles are forbidden, only these are taken on the folder's word.
"""


def pickles(mlmodel: Mapping[str, Any], files: Collection[str] | None = None) -> list[str]:
    """The pickles among the files that loading the model reads: paths below its folder, sorted.

    `mlmodel` is the content of an MLmodel file, of ours or of any MLflow. `files` are all paths below the folder, with
    `/` between their parts: with them, files count that only some models of a flavor have, and those of flavors mlkeep
    does not know, by their names. Without, only what MLmodel tells of.
    """
    declared = mlmodel.get("mlkeep_pickles")
    flavors = mlmodel.get("flavors")
    found = {str(path) for path in declared} if isinstance(declared, list) else set()
    if files is None and isinstance(declared, list):
        files = found  # what wrote it has seen its files
    if isinstance(flavors, Mapping):
        for name, conf in flavors.items():
            found.update(_pickles_of(str(name), conf if isinstance(conf, Mapping) else {}, files))
        found.update(_pickles_of_function(flavors, files))
    return sorted(posixpath.normpath(path) for path in found)


def doubtful_types(mlmodel: Mapping[str, Any]) -> list[str]:
    """The types that a folder wants its skops files to be trusted with, beyond those known to be harmless; sorted.

    A file with such types may run code when it is loaded, as a pickle does.
    """
    flavors = mlmodel.get("flavors")
    named: set[str] = set()
    for conf in flavors.values() if isinstance(flavors, Mapping) else ():
        trusted = conf.get("skops_trusted_types") if isinstance(conf, Mapping) else None
        named.update(map(str, trusted) if isinstance(trusted, list) else ())
    return sorted(named - HARMLESS_TYPES)


def estimator_file(conf: Mapping[str, Any], default: str = "model.pkl") -> str:
    """The file that holds an estimator, by the settings of its flavor. MLflow 1 called it `data`."""
    return str(conf.get("pickled_model") or conf.get("data") or conf.get("model_path") or default)


def is_pickled_estimator(conf: Mapping[str, Any]) -> bool:
    """Whether the file of an estimator is a pickle, by the settings of its flavor.

    Folders from before formats had names hold pickles; a format nobody knows is taken for one.
    """
    return conf.get("serialization_format") != "skops"


def _pickles_of(flavor: str, conf: Mapping[str, Any], files: Collection[str] | None) -> Iterator[str]:
    if flavor == "sklearn" and is_pickled_estimator(conf):
        yield estimator_file(conf)
    elif flavor == "lightgbm":
        yield from _pickles_of_lightgbm(conf)
    elif flavor == "statsmodels":
        yield str(conf.get("data") or "model.statsmodels")
    elif flavor == "pytorch":
        yield from _pickles_of_pytorch(conf, files)
    elif flavor == "tensorflow":
        yield from (file for file in files or () if file.endswith(".cloudpickle"))
    elif flavor == "transformers":
        yield from (file for file in files or () if file.endswith(_TORCH_SUFFIXES) or _is_torch_weights(file))
    elif flavor not in _WITHOUT_PICKLES | _WITH_OWN_RULE:
        yield from (file for file in files or () if file.endswith(PICKLE_SUFFIXES))


def _pickles_of_lightgbm(conf: Mapping[str, Any]) -> Iterator[str]:
    file = str(conf.get("data") or "model.lgb")
    # MLflow 2 names no format: its boosters are model.lgb, its estimators model.pkl.
    if conf.get("serialization_format") in PICKLE_FORMATS or file.endswith(PICKLE_SUFFIXES):
        yield file


def _is_torch_weights(file: str) -> bool:
    return file.endswith(".bin") and posixpath.basename(file).startswith(_TORCH_WEIGHTS)


def _pickles_of_pytorch(conf: Mapping[str, Any], files: Collection[str] | None) -> Iterator[str]:
    data = str(conf.get("model_data") or "data")
    if files is not None:
        yield from (
            file for file in files if file.startswith(f"{data}/") and file.endswith((".pth", ".pkl", ".pickle"))
        )
    elif conf.get("serialization_format") in {None, *PICKLE_FORMATS}:
        yield f"{data}/model.pth"


def _pickles_of_function(flavors: Mapping[str, Any], files: Collection[str] | None) -> Iterator[str]:
    """Those that only the python_function flavor tells of."""
    conf = flavors.get("python_function")
    if not isinstance(conf, Mapping):
        return
    loader = str(conf.get("loader_module") or "")
    flavor = loader.removeprefix("mlflow.")
    if loader in _LOADERS_OF_PYTHON_MODELS:
        yield str(conf.get("python_model") or "python_model.pkl")
    elif loader == _LOADER_OF_SCRIPTS or flavor in flavors:
        return
    elif flavor in _WITH_OWN_RULE | _WITHOUT_PICKLES:
        # Folders of MLflow 1 may have no other flavor beside this one.
        known = {"data": conf.get("model_path") or conf.get("data"), "model_data": conf.get("data")}
        yield from _pickles_of(flavor, known, files)
    else:
        yield from (file for file in files or () if file.endswith(PICKLE_SUFFIXES))
