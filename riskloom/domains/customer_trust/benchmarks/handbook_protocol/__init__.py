"""
The protocol of the Fraud Detection Handbook, in parts: folds, features, metrics, baselines, our own way.

Source of the protocol and of the baselines: Le Borgne, Siblini, Lebichot and Bontempi, *Reproducible Machine Learning
for Credit Card Fraud Detection: Practical Handbook* (Université Libre de Bruxelles, 2022), chapters 3 (baseline
features), 4 (card precision top-k), 5 (prequential validation, ensembles) and 6 (balanced bagging). The code is our
own.
"""
