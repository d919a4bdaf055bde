"""Closed-form and factor solvers that models and baselines share: ALS, ridge, spectra."""
