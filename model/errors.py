"""Errors about data and models. Each message says what to do.

They are in a module of their own because the modules that raise them take a second to import.

ModelError
+-- TrainingError
+-- ArtefactError
    +-- MissingArtefactError
    +-- DamagedArtefactError
    +-- NewerFormatError
    +-- OlderFormatError
    +-- FeatureMismatchError
"""


class ModelError(Exception):
    """Base of this package's errors."""


class TrainingError(ModelError):
    """The rows cannot be used to train a model."""


class ArtefactError(ModelError):
    """The artefact cannot be used."""


class MissingArtefactError(ArtefactError):
    """The folder has no artefact."""


class DamagedArtefactError(ArtefactError):
    """A file of the artefact is missing or was changed after it was written."""


class NewerFormatError(ArtefactError):
    """The artefact was written by a later release."""


class OlderFormatError(ArtefactError):
    """The artefact was written by an earlier release, in an older format."""


class FeatureMismatchError(ArtefactError):
    """The artefact was made for other features, or for these in another order."""
