"""How online features are read without Feast."""
