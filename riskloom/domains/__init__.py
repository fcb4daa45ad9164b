"""The declared domains, a folder each."""
