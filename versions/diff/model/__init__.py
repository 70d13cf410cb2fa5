"""Model descriptions: our specs, Dify model files, model metadata; each is a request schema plus facts."""
