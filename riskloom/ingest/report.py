"""What an ingest did, file by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from riskloom.errors import ContractError


@dataclass(frozen=True, slots=True)
class FileReport:
    """
    One file: each of its records was landed, a duplicate of a landed one, or quarantined.

    Attributes:
        file: Its name.
        read: Records read, without those that the mapping does not mean.
        landed: Records added to the landing zone.
        duplicates: Records that were there before, or earlier in the same file.
        quarantined: Records that break the contract.
        skipped: Records that the mapping's ``where`` or ``unless`` leaves out.
        ignored_columns: Columns of the file that nothing was read from.
        is_known: The very same file was ingested before.
    """

    file: str
    read: int
    landed: int
    duplicates: int
    quarantined: int
    skipped: int = 0
    ignored_columns: tuple[str, ...] = ()
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one call did with all its files; ``read == landed + duplicates + quarantined``, always."""

    domain: str
    table: str
    files: tuple[FileReport, ...]

    @property
    def read(self) -> int:
        """Records read from all files."""
        return sum(file.read for file in self.files)

    @property
    def landed(self) -> int:
        """Records added to the landing zone."""
        return sum(file.landed for file in self.files)

    @property
    def duplicates(self) -> int:
        """Records that were there before."""
        return sum(file.duplicates for file in self.files)

    @property
    def quarantined(self) -> int:
        """Records that break the contract."""
        return sum(file.quarantined for file in self.files)

    @property
    def skipped(self) -> int:
        """Records that the mapping leaves out."""
        return sum(file.skipped for file in self.files)


class RefusedFilesError(ContractError):
    """
    One or more files could not be read at all; the others of the call were ingested.

    Attributes:
        report: What was done with the others.
        refusals: Why each refused file was.
    """

    def __init__(self, refusals: Sequence[ContractError], report: IngestReport) -> None:
        self.report = report
        self.refusals = tuple(refusals)
        done = f"; {len(report.files)} other files were ingested" if report.files else ""
        noun = "file" if len(self.refusals) == 1 else "files"
        super().__init__("\n".join([f"{len(self.refusals)} {noun} refused{done}:", *map(str, self.refusals)]))
