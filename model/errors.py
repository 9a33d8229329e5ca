"""What can go wrong with data and models; each text says what to do.

They stand apart from the files that raise them, because those take a second to import.

ModelError
+-- DatasetError                   a file of transactions cannot be read, or is not of the shape needed
+-- TrainingError                  rows from which no model can be made
+-- ArtefactError                  a model that cannot be used
    +-- MissingArtefactError       there is none
    +-- DamagedArtefactError       a file is missing, or is not what was written
    +-- NewerFormatError           written by a later release
    +-- OlderFormatError           written by an earlier release
    +-- FeatureMismatchError       made for other inputs, or for these in another order
"""


class ModelError(Exception):
    """Base of the errors of this room."""


class DatasetError(ModelError):
    """A file of transactions cannot be read, or is not of the shape needed."""


class TrainingError(ModelError):
    """Rows from which no model can be made."""


class ArtefactError(ModelError):
    """A model that cannot be used."""


class MissingArtefactError(ArtefactError):
    """There is no artefact at this place."""


class DamagedArtefactError(ArtefactError):
    """A file of the artefact is missing, or is not what was written."""


class NewerFormatError(ArtefactError):
    """The artefact was written by a later release."""


class OlderFormatError(ArtefactError):
    """The artefact was written by an earlier release, which said less about it."""


class FeatureMismatchError(ArtefactError):
    """The artefact was made for other inputs, or for these in another order."""
