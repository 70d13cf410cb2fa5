"""GitOps in: a push to a repository of specs is planned, proposed, and reported back to its forge."""
