"""What agents on GPU nodes push: their keys, whom they may speak for, and the door that frames come in by."""
