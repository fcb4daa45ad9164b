"""What rules may speak of, domain by domain, kept until dbt's manifest is another one."""

from __future__ import annotations

import threading
from pathlib import Path

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.lifecycle.vocabulary import Vocabulary, read_vocabulary


class Vocabularies:
    """
    Where the names of each domain are looked up.

    Args:
        manifest: Of dbt, with the feature views; a run of dbt replaces it.
    """

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._kept: dict[str, Vocabulary] = {}

    def of(self, domain: Domain) -> Vocabulary:
        """
        The names of a domain as they are now.

        Raises:
            FeatureError: There is no manifest yet, or it knows nothing of the domain.
            CatalogError: Views or lists are declared wrongly.
        """
        with self._lock:
            stamp = self._looked_at()
            if stamp != self._stamp:
                self._kept, self._stamp = {}, stamp
            if domain.name not in self._kept:
                self._kept[domain.name] = read_vocabulary(domain, self._manifest)
            return self._kept[domain.name]

    def _looked_at(self) -> tuple[int, int]:
        try:
            found = self._manifest.stat()
        except OSError as error:
            raise FeatureError(
                "the feature views are not known yet, so no rule can be checked; run `riskloom features parse`"
            ) from error
        return found.st_mtime_ns, found.st_ino
