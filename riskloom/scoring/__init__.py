"""Events of files scored with a model of record: nothing is counted, nothing is written to the ledger."""

from riskloom.scoring.files import Features, FileScores, ScoreReport, score_files

__all__ = ["Features", "FileScores", "ScoreReport", "score_files"]
